//! Files that are written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::signals;
use crate::{Error, Result};

/// A file that gets its name when [`finish`](Self::finish) is called, and never without.
///
/// The bytes go into a temporary file beside the target; `finish` brings them to the disk and renames it. Whoever reads the path,
/// also after a crash or `kill -9` at any moment, finds the old file or the new one, or none where there was none. Dropped without
/// `finish`, or ended by a signal after [`end_with_signals`](super::end_with_signals), nothing is left behind.
///
/// A link stays one: what it points to is replaced. The new file has the mode of the old one, and its owner where that is allowed;
/// further hard links keep the old content. A file that may not be written is not replaced. A first block is taken on the disk at
/// once, so that a full one is noticed before anything was computed.
///
/// ```
/// use std::io::Write;
/// use tokpick::system::WholeFile;
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("ids");
/// let mut file = WholeFile::create(&path)?;
/// file.write_all(b"307 318\n")?;
/// assert!(!path.exists());
/// file.finish()?;
/// assert_eq!(std::fs::read(&path)?, b"307 318\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct WholeFile {
    file: File,
    written: u64,
    temporary: Temporary,
    target: PathBuf,
}

/// What is taken on the disk at once.
const FIRST_BLOCK: [u8; 4096] = [0; 4096];

impl WholeFile {
    /// Begins a file.
    ///
    /// # Errors
    /// A directory that is missing, full or not to be written; a file that may not be written; a path that is no regular file.
    pub fn create(path: &Path) -> io::Result<Self> {
        if names_folder(path) {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it names a folder: give the file a name"));
        }
        let target = follow(path);
        let old = match fs::metadata(&target) {
            Ok(old) if old.is_file() => {
                // opened as it stands: only to learn whether it may be written
                OpenOptions::new().write(true).open(&target)?;
                Some(old)
            }
            Ok(_) => {
                let what = "not a regular file, so that it can't be written whole";
                return Err(io::Error::new(ErrorKind::InvalidInput, what));
            }
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        let (temporary, mut file) = Temporary::create(&target)?;
        if let Some(old) = old {
            keep_owner(&file, &old);
            file.set_permissions(old.permissions())?;
        }
        file.write_all(&FIRST_BLOCK)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(WholeFile { file, written: 0, temporary, target })
    }

    /// Everything is written: brings it to the disk and gives the file its name.
    ///
    /// # Errors
    /// What the disk refuses; the old file stays then.
    pub fn finish(self) -> io::Result<()> {
        self.file.set_len(self.written)?;
        match self.file.sync_all() {
            // a file system that knows no such thing
            Err(e) if matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {}
            synced => synced?,
        }
        self.temporary.rename(&self.target)?;
        // the rename reaches the disk with the directory, where the system lets it be opened
        if let Ok(directory) = File::open(directory(&self.target)) {
            let _ = directory.sync_all();
        }
        Ok(())
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// True for a path that ends with a separator or in `.` or `..`: what the system refuses to open as a file, [`Path`] would take for
/// the file of that name.
fn names_folder(path: &Path) -> bool {
    let text = path.as_os_str().as_encoded_bytes();
    let last = text.rsplit(|&byte| std::path::is_separator(byte as char)).next();
    matches!(last, Some(b"" | b"." | b".."))
}

/// Writes a file whole or not at all; see [`WholeFile`].
///
/// # Errors
/// As [`WholeFile::create`] and [`WholeFile::finish`].
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = WholeFile::create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.finish()
    });
    written.map_err(|source| Error::Io { file: path.display().to_string(), source })
}

/// Where a path leads through symbolic links, also where nothing is there yet.
///
/// ```
/// # #[cfg(unix)] {
/// let folder = tempfile::tempdir()?;
/// std::os::unix::fs::symlink("later", folder.path().join("link"))?;
/// assert_eq!(tokpick::system::follow(&folder.path().join("link")), folder.path().canonicalize()?.join("later"));
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn follow(path: &Path) -> PathBuf {
    /// As many links as Linux follows.
    const MOST: usize = 40;
    let mut path = path.to_path_buf();
    for _ in 0..MOST {
        if let Ok(found) = fs::canonicalize(&path) {
            return found;
        }
        let Ok(link) = fs::read_link(&path) else { break };
        path = directory(&path).join(link);
    }
    // nothing there yet: the directory alone may be behind links
    match (fs::canonicalize(directory(&path)), path.file_name()) {
        (Ok(directory), Some(name)) => directory.join(name),
        _ => path,
    }
}

/// The directory of a file.
fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}

/// Gives a file the owner of another; fails where that is not allowed.
#[cfg(unix)]
fn keep_owner(file: &File, old: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let owner = file.metadata().map(|new| (new.uid(), new.gid()));
    if owner.is_ok_and(|owner| owner != (old.uid(), old.gid())) {
        let _ = fchown(file, Some(old.uid()), Some(old.gid()));
    }
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) {}

/// A file that goes away unless it is renamed.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    /// Creates it beside a target, under a name of its own.
    fn create(target: &Path) -> io::Result<(Temporary, File)> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = target.file_name().ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
        // the whole name may be as long as names can be
        let name: String = name.to_string_lossy().chars().take(40).collect();
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = directory(target).join(format!(".{name}.{}.{number}.part", std::process::id()));
            match signals::create(&path) {
                Ok(file) => return Ok((Temporary { path, renamed: false }, file)),
                // left behind by a process of the same number
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
    }

    fn rename(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            let _ = fs::remove_file(&self.path);
        }
        signals::forget(&self.path);
    }
}

#[cfg(test)]
mod tests;
