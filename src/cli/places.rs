//! Which files a command reads and writes: none of its outputs may be an input or another output, and a stream is for one use.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tokpick::settings::{MODEL_FILES, chain_files};
use tokpick::source::file_and_array;
use tokpick::system::follow;
use tokpick::{Error, Result};

use super::given::{Argument, Given};
use super::stream::{Stream, stream};

/// The arguments whose values are files that are written.
const OUTPUTS: [&str; 4] = ["output", "record", "trace", "record_table"];

/// A file that the command line names.
struct Place {
    /// As it was asked for: `--record FILE`.
    name: String,
    /// The stream, if it is one of the two that can be used once.
    stream: Option<Stream>,
    /// What the system knows it by.
    identity: Option<Identity>,
}

#[derive(Debug, PartialEq, Eq)]
enum Identity {
    /// Device and number of what is there.
    #[cfg(unix)]
    File(u64, u64),
    /// Where something will be.
    Path(PathBuf),
}

impl Identity {
    fn of(path: &Path) -> Option<Identity> {
        let path = &*file_and_array(path).0;
        match fs::metadata(path) {
            Ok(found) => Identity::known(&found, path),
            Err(_) => Some(Identity::Path(follow(path))),
        }
    }

    /// Devices and streams may be named more than once.
    #[cfg(unix)]
    fn known(found: &fs::Metadata, _: &Path) -> Option<Identity> {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        let kind = found.file_type();
        (kind.is_file() || kind.is_fifo() || kind.is_block_device())
            .then(|| Identity::File(found.dev(), found.ino()))
    }

    #[cfg(not(unix))]
    fn known(found: &fs::Metadata, path: &Path) -> Option<Identity> {
        found.is_file().then(|| Identity::Path(follow(path)))
    }

    /// The file behind a stream; `None` for terminals and pipes.
    #[cfg(unix)]
    fn of_stream(stream: &impl std::os::fd::AsFd) -> Option<Identity> {
        let file = fs::File::from(stream.as_fd().try_clone_to_owned().ok()?);
        let found = file.metadata().ok()?;
        found.is_file().then(|| Identity::known(&found, Path::new("")))?
    }

    #[cfg(not(unix))]
    fn of_stream<T>(_: &T) -> Option<Identity> {
        None
    }
}

impl Place {
    fn input(name: String, path: &Path) -> Place {
        if path == Path::new("-") || stream(path) == Some(Stream::Input) {
            let identity = Identity::of_stream(&io::stdin());
            return Place { name, stream: Some(Stream::Input), identity };
        }
        Place { name, stream: None, identity: Identity::of(path) }
    }

    fn output(name: String, path: &Path) -> Place {
        match stream(path) {
            Some(Stream::Output) => {
                let identity = Identity::of_stream(&io::stdout());
                Place { name, stream: Some(Stream::Output), identity }
            }
            _ => Place { name, stream: None, identity: Identity::of(path) },
        }
    }

    fn error(&self, what: String) -> Error {
        Error::input(&self.name, tokpick::Place::default(), what)
    }

    /// True if both are one file or one stream.
    fn is(&self, other: &Place) -> bool {
        (self.stream.is_some() && self.stream == other.stream)
            || (self.identity.is_some() && self.identity == other.identity)
    }
}

/// Refuses a command line that would write over what it reads, or over what it has written, or that reads a stream twice.
///
/// # Errors
/// The two that are one.
pub fn check(given: &Given) -> Result<()> {
    let (inputs, outputs) = (inputs(given), outputs(given));
    spare(&outputs, &inputs)?;
    for (at, output) in outputs.iter().enumerate() {
        if let Some(first) = outputs[..at].iter().find(|first| first.is(output)) {
            let what = format!("goes where {} goes, and one would be lost: choose another place", first.name);
            return Err(output.error(what));
        }
    }
    let mut piped = inputs.iter().filter(|input| input.stream.is_some());
    if let (Some(first), Some(second)) = (piped.next(), piped.next()) {
        let what = format!("standard input is read once, and {} reads it: give a file", first.name);
        return Err(second.error(what));
    }
    Ok(())
}

/// The places that a command line writes to, as they are where it was typed.
pub struct Written(Vec<Place>);

impl Written {
    /// Those of a command line.
    pub fn of(given: &Given) -> Written {
        Written(outputs(given))
    }

    /// Refuses outputs that are what a recorded command reads.
    ///
    /// # Errors
    /// As [`check`].
    pub fn spare(&self, recorded: &Given) -> Result<()> {
        spare(&self.0, &inputs(recorded))
    }

    /// Refuses outputs that are files which a record names.
    ///
    /// # Errors
    /// As [`check`].
    pub fn spare_files<'a>(&self, files: impl IntoIterator<Item = &'a Path>) -> Result<()> {
        let place = |file: &Path| Place::input(format!("the record's {}", file.display()), file);
        spare(&self.0, &files.into_iter().map(place).collect::<Vec<_>>())
    }
}

fn spare(outputs: &[Place], inputs: &[Place]) -> Result<()> {
    let mut pairs = outputs.iter().flat_map(|output| inputs.iter().map(move |input| (output, input)));
    pairs.find(|(output, input)| input.is(output)).map_or(Ok(()), |(output, input)| {
        let what = format!("is what {} reads, and would be written over: choose another place", input.name);
        Err(output.error(what))
    })
}

/// How an argument is called in messages.
fn name(argument: &Argument, value: &Path) -> String {
    let value = value.display();
    match &argument.long {
        Some(long) => format!("--{long} {value}"),
        None => format!("{} {value}", argument.value_name),
    }
}

fn outputs(given: &Given) -> Vec<Place> {
    let mut outputs: Vec<Place> = Vec::new();
    let mut standard = true;
    for argument in given.arguments().iter().filter(|a| OUTPUTS.contains(&a.id.as_str())) {
        standard &= argument.id != "output";
        let paths = argument.values.iter().flatten().map(Path::new);
        outputs.extend(paths.map(|path| Place::output(name(argument, path), path)));
    }
    if standard {
        // first, so that it is the other one which is asked to go elsewhere
        outputs.insert(0, Place::output("standard output".to_string(), Path::new("-")));
    }
    outputs
}

fn inputs(given: &Given) -> Vec<Place> {
    let mut inputs = Vec::new();
    for argument in given.arguments().iter().filter(|a| !OUTPUTS.contains(&a.id.as_str())) {
        for value in argument.values.iter().flatten() {
            let files = named_by(argument, value);
            inputs.extend(files.iter().map(|file| Place::input(name(argument, file), file)));
        }
    }
    if given.reads_standard_input() {
        inputs.push(Place::input("INPUT (standard input)".to_string(), Path::new("-")));
    }
    inputs
}

/// The files that a value names: itself, `@FILE`, those of a chain, those of a command.
fn named_by(argument: &Argument, value: &OsStr) -> Vec<PathBuf> {
    if argument.id == "model_dir" {
        return MODEL_FILES.iter().map(|file| Path::new(value).join(file)).collect();
    }
    if argument.is_path {
        return vec![value.into()];
    }
    let text = value.to_string_lossy();
    match (text.strip_prefix('@').filter(|_| !argument.is_text), argument.id.as_str()) {
        (Some(file), _) => vec![file.into()],
        // a text that standard input holds
        (None, "what") if text == "-" => vec![PathBuf::from("-")],
        (None, "chain") => chain_files(&text).into_iter().map(PathBuf::from).collect(),
        (None, "model_command") => {
            let words = shlex::split(&text).unwrap_or_default();
            words.into_iter().map(PathBuf::from).filter(|word| word.is_file()).collect()
        }
        (None, _) => Vec::new(),
    }
}
