//! Where results go: standard output, or a file that is written whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, IsTerminal, StdoutLock, Write};
use std::path::{Path, PathBuf};

use tokpick::{Error, Result};

/// The output of a command. A file appears under its name when [`finish`](Self::finish) is called, and never without.
pub struct Out {
    name: String,
    to: To,
}

enum To {
    Stdout(BufWriter<StdoutLock<'static>>),
    /// Something that is no regular file (`/dev/null`, a named pipe): written to directly.
    Device(BufWriter<File>),
    File {
        file: BufWriter<File>,
        temporary: Temporary,
        target: PathBuf,
    },
}

/// A file that goes away unless it is renamed.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Out {
    /// Opens the output: a path, or standard output.
    pub fn open(path: Option<&Path>) -> Result<Out> {
        let Some(path) = path else {
            let to = To::Stdout(BufWriter::with_capacity(1 << 16, io::stdout().lock()));
            return Ok(Out { name: "standard output".to_string(), to });
        };
        let name = path.display().to_string();
        let to = To::open(path).map_err(|source| Error::Io { file: name.clone(), source })?;
        Ok(Out { name, to })
    }

    /// True if results go to a terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self.to, To::Stdout(_)) && io::stdout().is_terminal()
    }

    /// Names the output in an error of writing; a closed pipe is [`Error::Closed`].
    pub fn check<T>(&self, result: io::Result<T>) -> Result<T> {
        result.map_err(|source| match source.kind() {
            ErrorKind::BrokenPipe => Error::Closed,
            _ => Error::Io { file: self.name.clone(), source },
        })
    }

    /// What to write to.
    pub fn writer(&mut self) -> &mut dyn Write {
        self.to.writer()
    }

    /// Its name in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes with a function, and names the output in its error.
    pub fn write<T>(&mut self, f: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> Result<T> {
        let result = f(self.to.writer());
        self.check(result)
    }

    /// Everything is written: the file gets its name.
    pub fn finish(mut self) -> Result<()> {
        self.write(|to| to.flush())?;
        if let To::File { temporary, target, .. } = &self.to {
            let renamed = fs::rename(&temporary.0, target);
            self.check(renamed)?;
        }
        Ok(())
    }
}

impl To {
    fn open(path: &Path) -> io::Result<To> {
        // beside what a link points to, so that the link stays one
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        if fs::metadata(&target).is_ok_and(|m| !m.is_file()) {
            return Ok(To::Device(BufWriter::new(File::options().write(true).open(&target)?)));
        }
        let name = target.file_name().ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
        let name = format!(".{}.{}.part", name.to_string_lossy(), std::process::id());
        let temporary = Temporary(target.with_file_name(name));
        let file = BufWriter::with_capacity(1 << 16, File::create(&temporary.0)?);
        if let Ok(old) = fs::metadata(&target) {
            fs::set_permissions(&temporary.0, old.permissions())?;
        }
        Ok(To::File { file, temporary, target })
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            To::Stdout(to) => to,
            To::Device(to) => to,
            To::File { file, .. } => file,
        }
    }
}
