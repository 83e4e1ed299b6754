//! Where results go: standard output, a file that is written whole or not at all, or a device.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, IsTerminal, StdoutLock, Write};
use std::path::Path;

use clap::builder::StyledStr;
use tokpick::system::{WholeFile, end_with_signals, fail_on_large_files};
use tokpick::{Error, Result};

use super::host;
use super::progress::make_room;
use super::stream::{Stream, stream};

/// The output of a command. A file appears under its name when [`finish`](Self::finish) is called, and never without.
pub struct Out {
    name: String,
    to: To,
}

enum To {
    /// A program that runs the command takes it.
    Host(Hosted),
    Stdout(BufWriter<Shown>),
    /// Something that is no regular file (`/dev/null`, a named pipe), or a stream that is open already (`/dev/fd/3`): written to
    /// directly.
    Device(BufWriter<File>),
    File(BufWriter<WholeFile>),
}

/// Standard output, where results take the place of a progress line.
struct Shown(StdoutLock<'static>);

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        make_room();
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The output of a command inside another program.
struct Hosted;

impl Write for Hosted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        host::hand(|taken| taken.output.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How much is written at once.
const BUFFER: usize = 1 << 16;

impl Out {
    /// Opens the output: a path, `-` or nothing for standard output.
    ///
    /// # Errors
    /// What can't be written, a full disk and a closed standard output among it.
    pub fn open(path: Option<&Path>) -> Result<Out> {
        let path = path.filter(|path| stream(path) != Some(Stream::Output));
        let name = path.map_or_else(|| "standard output".to_string(), |path| path.display().to_string());
        if path.is_none() && host::wants().is_some() {
            return Ok(Out { name: "the output".to_string(), to: To::Host(Hosted) });
        }
        let opened = fail_on_large_files().and_then(|()| match path {
            None => standard_output(),
            Some(path) => To::open(path),
        });
        match opened {
            Ok(to) => Ok(Out { name, to }),
            Err(source) => Err(Error::Io { file: name, source }),
        }
    }

    /// True if a person is looking, and does not object to colours (`NO_COLOR`).
    pub fn colour(&self) -> bool {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        self.is_terminal() && !refused
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

    /// As [`write`](Self::write), for what a check found: who closed the pipe has seen enough of it, and the status still says it all.
    pub fn report(&mut self, f: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        unless_closed(self.write(f))
    }

    /// As [`finish`](Self::finish), after [`report`](Self::report).
    ///
    /// # Errors
    /// What the disk refuses.
    pub fn finish_report(self) -> Result<()> {
        unless_closed(self.finish())
    }

    /// Everything is written: the file gets its name.
    ///
    /// # Errors
    /// What the disk refuses.
    pub fn finish(mut self) -> Result<()> {
        self.write(|to| to.flush())?;
        match self.to {
            To::File(file) => {
                let finished = file.into_inner().map_err(io::Error::from).and_then(WholeFile::finish);
                finished.map_err(|source| Error::Io { file: self.name, source })
            }
            To::Host(_) | To::Stdout(_) | To::Device(_) => Ok(()),
        }
    }
}

fn unless_closed(written: Result<()>) -> Result<()> {
    match written {
        Err(Error::Closed) => Ok(()),
        other => other,
    }
}

/// Writes a help or the version to standard output.
///
/// # Errors
/// As [`Out::open`]; a failed write.
pub fn print(text: &StyledStr) -> Result<()> {
    let mut out = Out::open(None)?;
    let colour = out.colour();
    out.write(|to| if colour { write!(to, "{}", text.ansi()) } else { write!(to, "{text}") })?;
    out.finish()
}

fn standard_output() -> io::Result<To> {
    if !is_writable() {
        return Err(io::Error::other(
            "is open for reading alone, and the results have nowhere to go: give -o FILE",
        ));
    }
    Ok(To::Stdout(BufWriter::with_capacity(BUFFER, Shown(io::stdout().lock()))))
}

/// Whether standard output can be written to.
///
/// A stream that was closed (`>&-`) is not known: at the start of a program the standard library opens `/dev/null` in its place, as
/// Python's `DEVNULL` and Node's `ignore` do who want the status alone.
#[cfg(unix)]
fn is_writable() -> bool {
    use rustix::fs::{OFlags, fcntl_getfl};
    fcntl_getfl(io::stdout()).is_ok_and(|flags| flags & OFlags::RWMODE != OFlags::RDONLY)
}

#[cfg(not(unix))]
fn is_writable() -> bool {
    true
}

impl To {
    fn open(path: &Path) -> io::Result<To> {
        if stream(path).is_some() {
            // at its end, as whoever opened the stream goes on there
            return Ok(To::Device(BufWriter::new(File::options().append(true).open(path)?)));
        }
        if fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
            return Ok(To::Device(BufWriter::new(File::options().write(true).open(path)?)));
        }
        end_with_signals()?;
        Ok(To::File(BufWriter::with_capacity(BUFFER, WholeFile::create(path)?)))
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            To::Host(to) => to,
            To::Stdout(to) => to,
            To::Device(to) => to,
            To::File(to) => to,
        }
    }
}
