//! Records: without ids, the files that `verify` is given.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokpick::check::Record;
use tokpick::render::kit::count_of;
use tokpick::render::said;
use tokpick::{Error, Result};

use super::{FormatName, Verify};
use crate::cli::fields::as_flags;
use crate::cli::note::note;
use crate::cli::places::Written;
use crate::cli::repeat::{Repeated, repeat, spare};
use crate::cli::{Given, Status};

/// The flags that say something about a record: how it is repeated is in the record.
const OF_RECORDS: [&str; 3] = ["input", "format", "output"];

/// A file that `verify` was given, and the record that it holds.
struct File {
    path: PathBuf,
    record: Result<Record>,
}

impl File {
    fn read(path: &Path) -> Result<File> {
        let (mut text, stdin) = (Vec::new(), path == Path::new("-"));
        let read = if stdin { io::stdin().read_to_end(&mut text).map(|_| text) } else { std::fs::read(path) };
        let text = match read {
            Ok(text) => text,
            Err(source) => {
                let error = Error::Io { file: path.display().to_string(), source };
                return Ok(File { path: path.to_path_buf(), record: Err(error) });
            }
        };
        let name = path.display();
        if !Record::is_record(&text) {
            let what = format!(
                "{name} is no record: which ids were drawn from it? give --ids \"1 2 3\" or --ids-file FILE"
            );
            return Err(Error::setting("--ids", "(none)", what));
        }
        Ok(File { record: Record::parse(&name.to_string(), &text), path: path.to_path_buf() })
    }
}

impl Verify {
    /// Without ids, the files are records.
    pub(super) fn without_ids(&self, given: &Given) -> anyhow::Result<Status> {
        if self.judge.guess {
            return Err(Error::setting("--guess", "", "which ids? give --ids or --ids-file").into());
        }
        let first = self.input.input.as_deref().unwrap_or(Path::new("-"));
        let paths = std::iter::once(first).chain(self.judge.more.iter().map(PathBuf::as_path));
        let files = paths.map(File::read).collect::<Result<Vec<File>>>()?;
        let other =
            given.arguments().iter().find(|a| a.long.as_deref().is_some_and(|l| !OF_RECORDS.contains(&l)));
        if let Some((argument, long)) = other.and_then(|a| Some((a, a.long.as_deref()?))) {
            let values = argument.values.iter().flatten().map(|v| v.to_string_lossy());
            let what = "a record says itself how its run was made: leave the flag out, or verify ids with it (--ids, --ids-file)";
            return Err(
                Error::setting(format!("--{long}"), values.collect::<Vec<_>>().join(" "), what).into()
            );
        }
        // all of them, before the output is opened
        let written = Written::of(given);
        for File { path, record } in &files {
            if let Ok(record) = record {
                spare(record, path, self.judge.moved.as_deref(), &written)?;
            }
        }
        self.records(files)
    }

    fn records(&self, files: Vec<File>) -> anyhow::Result<Status> {
        let several = files.len() > 1;
        let json = self.judge.report.format == FormatName::Json;
        let mut out = self.judge.report.open()?;
        let mut documents = Vec::new();
        let (mut holds, mut failure) = (true, None);
        for File { path, record } in files {
            let result = record.and_then(|record| {
                let repeated = repeat(&record, &path, self.judge.moved.as_deref())?;
                Ok((record, repeated))
            });
            let path = path.display().to_string();
            for elsewhere in result.iter().flat_map(|(_, repeated)| &repeated.elsewhere) {
                note(format!("{path}: {elsewhere}"));
            }
            holds &= result.as_ref().is_ok_and(|(_, repeated)| repeated.divergence.is_none());
            match &result {
                _ if json => documents.push(document(several.then_some(path), &result)),
                // the error says it
                Err(_) if !several => {}
                _ => out.report(|to| {
                    if several {
                        write!(to, "{}: ", said(&path))?;
                    }
                    text(&result, to)
                })?,
            }
            failure = failure.or(result.err());
        }
        if json {
            let document = match (several, documents.pop()) {
                (false, Some(document)) => document,
                (_, last) => {
                    documents.extend(last);
                    json!({"tokpick": env!("CARGO_PKG_VERSION"), "holds": holds, "records": documents})
                }
            };
            out.report(|to| writeln!(to, "{document}"))?;
        }
        match failure {
            // nothing was written, and nothing appears
            Some(error) if !several && !json => return Err(error.into()),
            _ => out.finish_report()?,
        }
        match failure {
            Some(error) if !several => Err(error.into()),
            Some(_) => anyhow::bail!("not every record could be checked"),
            None => Ok(if holds { Status::Done } else { Status::No }),
        }
    }
}

/// What came of a record, in words.
fn text(result: &Result<(Record, Repeated)>, to: &mut dyn Write) -> io::Result<()> {
    match result {
        Ok((_, Repeated { divergence: Some(divergence), step, .. })) => divergence.text(step.as_ref(), to),
        Ok((record, _)) => {
            let ids: usize = record.sequences.iter().map(|s| s.ids.len()).sum();
            writeln!(
                to,
                "everything agrees: {}, {}",
                count_of(record.sequences.len(), "sequence"),
                count_of(ids, "id")
            )
        }
        Err(error) => writeln!(to, "can't be checked: {}", said(&as_flags(&error.to_string()))),
    }
}

/// What came of a record, as a document; `path` where there are several.
fn document(path: Option<String>, result: &Result<(Record, Repeated)>) -> Value {
    let mut document = json!({});
    match &path {
        Some(path) => document["record"] = json!(path),
        None => document["tokpick"] = json!(env!("CARGO_PKG_VERSION")),
    }
    match result {
        Ok((_, repeated)) => {
            document["holds"] = json!(repeated.divergence.is_none());
            document["divergence"] = json!(repeated.divergence);
            document["step"] = json!(repeated.step);
            document["not_checked"] = json!(repeated.elsewhere);
        }
        Err(error) => {
            document["holds"] = Value::Null;
            document["error"] = json!(as_flags(&error.to_string()));
        }
    }
    document
}
