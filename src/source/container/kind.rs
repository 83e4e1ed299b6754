//! What an input is, by its first bytes.

use crate::source::server::is_events;
use crate::source::text::lines::{self, BOM, UTF16};

/// What the first bytes say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) enum FileKind {
    Npy,
    Zip,
    Safetensors,
    /// What llama-perplexity keeps of a base model.
    Kld,
    Gzip,
    Zstd,
    /// JSON, or blanks before it; events of a stream that hold such.
    Json,
    /// Nothing that is read; what to say.
    Refused(String),
}

/// Bytes that tell every kind.
pub(in crate::source) const ENOUGH: usize = 16;

/// True if more than these bytes are needed to tell. JSON needs no more, so that a live stream is not waited for.
pub(in crate::source) fn needs_more(start: &[u8]) -> bool {
    let text = start.strip_prefix(BOM).unwrap_or(start);
    let is_json = text.first().is_some_and(|b| matches!(b, b'[' | b'{' | b' ' | b'\t' | b'\r' | b'\n'));
    !is_json && start.len() < ENOUGH
}

/// The line of Python that turns a file into what is read here.
fn python(code: &str) -> String {
    format!("convert it first: python3 -c \"{code}\"")
}

/// What is said of a Python pickle, alone or in the archive of torch.save.
pub(in crate::source) fn pickle() -> String {
    let code = "import numpy, torch; numpy.save('logits.npy', torch.load('FILE', map_location='cpu').float().numpy())";
    format!(
        "a Python pickle (torch.save, .pt, .pkl): reading one can run code, so it isn't read here; {}",
        python(code)
    )
}

/// Tells what an input is.
pub(in crate::source) fn of(start: &[u8]) -> FileKind {
    let refused = |what: &str, code: &str| FileKind::Refused(format!("{what}; {}", python(code)));
    let columns = "import numpy, pyarrow.TABLE as t; \
                   numpy.save('logits.npy', numpy.array(READ['logits'].to_pylist(), 'f4'))";
    match start {
        [0x93, ..] => FileKind::Npy,
        [b'P', b'K', 1..=8, ..] => FileKind::Zip,
        [0x1f, 0x8b, ..] => FileKind::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => FileKind::Zstd,
        [a, b, c, d, e, f, g, h, b'{', ..] if is_length(&[*a, *b, *c, *d, *e, *f, *g, *h]) => {
            FileKind::Safetensors
        }
        [b'_', b'l', b'o', b'g', b'i', b't', b's', b'_', ..] => FileKind::Kld,
        [0x80, 2..=5, ..] => FileKind::Refused(pickle()),
        [b'P', b'A', b'R', b'1', ..] => {
            let read = columns.replace("TABLE", "parquet").replace("READ", "t.read_table('FILE')");
            refused("a Parquet file", &read)
        }
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] | [b'F', b'E', b'A', b'1', ..] => {
            let read = columns.replace("TABLE", "feather").replace("READ", "t.read_table('FILE')");
            refused("an Arrow or Feather file", &read)
        }
        [0xff, 0xff, 0xff, 0xff, ..] => {
            let read = columns.replace("TABLE", "ipc").replace("READ", "t.open_stream('FILE').read_all()");
            refused("an Arrow stream", &read)
        }
        [0x89, b'H', b'D', b'F', ..] => refused(
            "an HDF5 file",
            "import h5py, numpy; numpy.save('logits.npy', h5py.File('FILE')['logits'][:])",
        ),
        [b'G', b'G', b'U', b'F', ..] => FileKind::Refused(
            "a GGUF file: it holds a model's weights, not logits; run the model and save what it says".into(),
        ),
        [b'B', b'Z', b'h', ..] => {
            FileKind::Refused("compressed with bzip2: pipe it through bzip2 -dc".into())
        }
        [0xfd, b'7', b'z', b'X', b'Z', ..] => {
            FileKind::Refused("compressed with xz: pipe it through xz -dc".into())
        }
        [0x04, 0x22, 0x4d, 0x18, ..] => {
            FileKind::Refused("compressed with LZ4: pipe it through lz4 -dc".into())
        }
        _ => text(start),
    }
}

/// True for the length that begins a safetensors file.
fn is_length(bytes: &[u8]) -> bool {
    bytes.try_into().is_ok_and(|bytes| (2..=super::safetensors::LONGEST).contains(&u64::from_le_bytes(bytes)))
}

fn text(start: &[u8]) -> FileKind {
    if lines::begins_as_utf16(start) {
        return FileKind::Refused(UTF16.into());
    }
    let text = start.strip_prefix(BOM).unwrap_or(start).trim_ascii_start();
    if matches!(text, [] | [b'[' | b'{', ..]) || is_events(text) {
        return FileKind::Json;
    }
    let line = text.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(&line[..line.len().min(4096)]);
    for (separator, name) in [(',', ","), (';', ";"), ('\t', "\\t"), (' ', " ")] {
        // the last number may be cut off
        let fields: Vec<&str> = line.trim().split(separator).map(str::trim).collect();
        let is_number = |field: &&str| field.parse::<f64>().is_ok();
        if fields.len() > 1 && fields[..fields.len() - 1].iter().all(is_number) {
            let code = format!(
                "import numpy; numpy.save('logits.npy', numpy.loadtxt('FILE', 'f4', delimiter='{name}', ndmin=2))"
            );
            return FileKind::Refused(format!(
                "text in columns (CSV), which is not read here; {}",
                python(&code)
            ));
        }
    }
    let start = text[..text.len().min(8)].escape_ascii();
    FileKind::Refused(format!("neither NPY (\\x93NUMPY…) nor JSON ([ or {{): it begins with {start}"))
}
