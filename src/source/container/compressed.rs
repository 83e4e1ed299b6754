//! Compressed streams: gzip (RFC 1952) and Zstandard (RFC 8878), with any number of members or frames.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, FrameHeaderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, DEFAULT_MAX_WINDOW_SIZE, FrameDecoder};

/// A reader of what a gzip stream holds.
pub(in crate::source) fn gzip(from: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(Said {
        from: Gzip { from: Some(GzDecoder::new(BufReader::with_capacity(1 << 16, from))) },
        name: "gzip",
    })
}

/// A reader of what a Zstandard stream holds.
pub(in crate::source) fn zstd(from: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    let from = Ahead { head: Vec::new(), from: BufReader::with_capacity(1 << 16, from) };
    Box::new(Said { from: Zstd { from, decoder: FrameDecoder::new(), inside: false }, name: "zstd" })
}

/// Says of which compression an error is. The end of the compressed bytes is not the end of an array.
struct Said<R> {
    from: R,
    name: &'static str,
}

impl<R: Read> Read for Said<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.from.read(to).map_err(|e| {
            let name = self.name;
            let what = match e.kind() {
                io::ErrorKind::Interrupted => return e,
                io::ErrorKind::UnexpectedEof => {
                    format!("the {name} data end in the middle: the file is truncated")
                }
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::Other => {
                    format!("the {name} data are broken: {e}")
                }
                _ => return e,
            };
            io::Error::new(io::ErrorKind::InvalidData, what)
        })
    }
}

/// Member after member.
struct Gzip<R: BufRead> {
    /// `None` after the last.
    from: Option<GzDecoder<R>>,
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while let Some(mut from) = self.from.take() {
            let read = from.read(to);
            if to.is_empty() || !matches!(read, Ok(0)) {
                self.from = Some(from);
                return read;
            }
            let mut rest = from.into_inner();
            match rest.fill_buf()? {
                [] => {}
                [0x1f, ..] => self.from = Some(GzDecoder::new(rest)),
                // tapes are filled up with zeros
                [0, ..] => zeros(&mut rest)?,
                _ => return Err(io::Error::other(MORE)),
            }
        }
        Ok(0)
    }
}

/// What is said of bytes behind the compressed ones.
const MORE: &str = "after their end the file goes on with something else";

/// Passes over zeros to the end.
fn zeros(from: &mut impl BufRead) -> io::Result<()> {
    loop {
        let bytes = from.fill_buf()?;
        let count = bytes.len();
        match bytes {
            [] => return Ok(()),
            bytes if bytes.iter().all(|b| *b == 0) => from.consume(count),
            _ => return Err(io::Error::other(MORE)),
        }
    }
}

/// With what a frame begins.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Of a frame's header (RFC 8878, 3.1.1.1) behind its descriptor: whether the content is the window, and the bytes of window, number of a
/// dictionary and size.
fn fields(descriptor: u8) -> (bool, [usize; 3]) {
    let is_single = descriptor & 0x20 != 0;
    let size = [usize::from(is_single), 2, 4, 8][usize::from(descriptor >> 6)];
    (is_single, [usize::from(!is_single), [0, 1, 2, 4][usize::from(descriptor & 3)], size])
}

/// The window of the frame that begins here, if this is all of a frame's header.
fn window(bytes: &[u8]) -> Option<usize> {
    let (&descriptor, rest) = bytes.strip_prefix(&MAGIC)?.split_first()?;
    let (is_single, [_, dictionary, len]) = fields(descriptor);
    if !is_single {
        let byte = *rest.first()?;
        let base = 1usize.checked_shl(10 + u32::from(byte >> 3))?;
        return base.checked_add(base / 8 * usize::from(byte & 7));
    }
    // without a window the content is its own: its size comes behind the number of a dictionary
    let size =
        rest.get(dictionary..)?.get(..len)?.iter().rev().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
    usize::try_from(size + if len == 2 { 256 } else { 0 }).ok()
}

/// A reader that can be asked what comes next, wherever its buffer ends.
struct Ahead<R> {
    /// What has been asked for and not been read yet.
    head: Vec<u8>,
    from: BufReader<R>,
}

impl<R: Read> Ahead<R> {
    /// The next `n` bytes; fewer at the end.
    fn peek(&mut self, n: usize) -> io::Result<&[u8]> {
        while self.head.len() < n {
            let bytes = self.from.fill_buf()?;
            let count = bytes.len().min(n - self.head.len());
            if count == 0 {
                break;
            }
            self.head.extend_from_slice(&bytes[..count]);
            self.from.consume(count);
        }
        Ok(&self.head)
    }

    /// All of the header of the frame that comes next, and not a byte of what a live input has not sent yet.
    fn header(&mut self) -> io::Result<&[u8]> {
        let start = MAGIC.len() + 1;
        let length = match self.peek(start)? {
            [magic @ .., descriptor] if *magic == MAGIC => {
                start + fields(*descriptor).1.iter().sum::<usize>()
            }
            _ => start,
        };
        self.peek(length)
    }
}

impl<R: Read> Read for Ahead<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.head.is_empty() {
            return self.from.read(to);
        }
        let count = self.head.as_slice().read(to)?;
        self.head.drain(..count);
        Ok(count)
    }
}

/// Frame after frame.
struct Zstd<R> {
    from: Ahead<R>,
    decoder: FrameDecoder,
    inside: bool,
}

impl<R: Read> Zstd<R> {
    /// Begins the next frame; `false` at the end.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.from.peek(1)?.is_empty() {
            self.room_for_window()?;
            match self.decoder.init(&mut self.from) {
                Ok(()) => {
                    self.inside = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    if io::copy(&mut self.from.by_ref().take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(e) => return Err(self.fault(e)),
            }
        }
        Ok(false)
    }

    /// Whether there is memory for what the next frame says that it needs: the decoder panics where there isn't.
    fn room_for_window(&mut self) -> io::Result<()> {
        let Some(window) = window(self.from.header()?) else { return Ok(()) };
        // its buffer grows by doubling, beside the old one
        let room = window.saturating_mul(4).saturating_add(1 << 20);
        // the decoder refuses larger ones itself
        let held = window as u64 <= DEFAULT_MAX_WINDOW_SIZE;
        if held && Vec::<u8>::new().try_reserve_exact(room).is_err() {
            return Err(io::Error::other(format!("there is no memory for a window of {window} bytes")));
        }
        Ok(())
    }

    /// An error of the decoder: at the end of the bytes, they are cut off.
    fn fault(&mut self, e: FrameDecoderError) -> io::Error {
        match (e, self.from.peek(1).is_ok_and(<[u8]>::is_empty)) {
            (
                FrameDecoderError::FrameHeaderError(FrameHeaderError::WindowTooBig { got })
                | FrameDecoderError::WindowSizeTooBig { requested: got, .. },
                _,
            ) => io::Error::other(format!("a window of {got} bytes is more than is held")),
            (_, true) => io::ErrorKind::UnexpectedEof.into(),
            (e, false) => io::Error::other(e.to_string()),
        }
    }
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while !to.is_empty() {
            if !self.inside && !self.begin()? {
                break;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let decoded =
                    self.decoder.decode_blocks(&mut self.from, BlockDecodingStrategy::UptoBlocks(1));
                if let Err(e) = decoded {
                    return Err(self.fault(e));
                }
            }
            let count = self.decoder.read(to)?;
            if count > 0 {
                return Ok(count);
            }
            let said = self.decoder.get_checksum_from_data();
            if said.is_some() && said != self.decoder.get_calculated_checksum() {
                return Err(io::Error::other("the checksum is wrong"));
            }
            self.inside = false;
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut from: Box<dyn Read + Send>) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).map(|_| bytes).map_err(|e| e.to_string())
    }

    fn pack(bytes: &[u8]) -> [Vec<u8>; 2] {
        let mut gzip = flate2::read::GzEncoder::new(bytes, flate2::Compression::fast());
        let mut packed = Vec::new();
        gzip.read_to_end(&mut packed).expect("gzip");
        [packed, ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)]
    }

    /// A reader that hands out a byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let count = to.len().min(1);
            self.0.read(&mut to[..count])
        }
    }

    /// Windows of RFC 8878: 2^(10 + e) · (1 + m / 8), or the size of the content.
    #[test]
    fn a_header_is_read_to_its_end_and_no_further() {
        let table: [(&[u8], usize, usize); 7] = [
            (b"\x00\x84", 6, (1 << 26) + (1 << 25)),
            (b"\x03\x0f\xaa\xaa\xaa\xaa", 10, 2048 + 7 * 256),
            (b"\x20\x05", 6, 5),
            (b"\x61\xaa\x00\x01", 8, 256 + 256),
            (b"\xa2\xaa\xaa\x01\x02\x03\x04", 11, 0x0403_0201),
            (b"\xe3\xaa\xaa\xaa\xaa\x01\0\0\0\0\0\0\0", 17, 1),
            (b"\xc0\x00\x01\0\0\0\0\0\0", 14, 1024),
        ];
        for (header, length, expected) in table {
            let bytes = [&MAGIC[..], header, b"more of the frame"].concat();
            let mut from = Ahead { head: Vec::new(), from: BufReader::new(Slow(&bytes)) };
            let head = from.header().expect("it can be read").to_vec();
            assert_eq!(head, bytes[..length], "{header:x?}");
            assert_eq!(window(&head), Some(expected));
            if header[0] & 0x20 != 0 {
                assert_eq!(window(&head[..length - 1]), None, "its size is the window");
            }
            let mut all = Vec::new();
            from.read_to_end(&mut all).expect("it can be read");
            assert_eq!(all, bytes, "what was looked at comes again");
        }
    }

    #[test]
    fn members_frames_and_cuts() {
        let text: Vec<u8> = (0..200_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        for (packed, open) in pack(&text).into_iter().zip([
            gzip as fn(io::Cursor<Vec<u8>>) -> Box<dyn Read + Send>,
            zstd as fn(io::Cursor<Vec<u8>>) -> Box<dyn Read + Send>,
        ]) {
            let open = |bytes: Vec<u8>| all(open(io::Cursor::new(bytes)));
            assert_eq!(open(packed.clone()).as_ref(), Ok(&text));
            assert_eq!(open([packed.clone(), packed.clone()].concat()).as_ref(), Ok(&text.repeat(2)));
            for cut in [1, 3, 9, 20, packed.len() / 2, packed.len() - 1] {
                let what = open(packed[..cut].to_vec()).expect_err("cut off");
                assert!(what.contains("truncated"), "{cut} of {}: {what}", packed.len());
            }
            let more = open([packed.clone(), b"and more".to_vec()].concat()).expect_err("more");
            assert!(more.contains("broken") && !more.contains("truncated"), "{more}");
            let mut broken = packed.clone();
            let middle = broken.len() / 2;
            broken[middle..middle + 40].fill(0xa5);
            assert!(open(broken).is_err());
        }
        let filled = [&pack(&text)[0][..], &[0; 70_000]].concat();
        assert_eq!(all(gzip(io::Cursor::new(filled))).as_ref(), Ok(&text));
        let more = all(gzip(io::Cursor::new([&pack(&text)[0][..], b"more"].concat()))).expect_err("more");
        assert_eq!(more, "the gzip data are broken: after their end the file goes on with something else");
        let skipped = [&[0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &pack(b"hello")[1]].concat();
        assert_eq!(all(zstd(io::Cursor::new(skipped))).as_deref(), Ok(&b"hello"[..]));
    }
}
