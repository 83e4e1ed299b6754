//! Files that are read at given positions.

use std::fs::File;
use std::io;
#[cfg(not(unix))]
use std::io::{Read, Seek, SeekFrom};

/// A file that is read at given positions through a shared reference.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct PositionedFile(File);

#[cfg(unix)]
impl PositionedFile {
    pub fn new(file: File) -> Self {
        PositionedFile(file)
    }

    pub fn read_exact_at(&self, bytes: &mut [u8], position: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.0, bytes, position)
    }
}

/// A file that is read at given positions through a shared reference: seek and read under a lock.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct PositionedFile(std::sync::Mutex<File>);

#[cfg(not(unix))]
impl PositionedFile {
    pub fn new(file: File) -> Self {
        PositionedFile(std::sync::Mutex::new(file))
    }

    pub fn read_exact_at(&self, bytes: &mut [u8], position: u64) -> io::Result<()> {
        let mut file = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(SeekFrom::Start(position))?;
        file.read_exact(bytes)
    }
}
