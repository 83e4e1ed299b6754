use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use clap::{Args, ValueEnum};
use tokpick::source::write::{JsonWriter, NpyWriter, SafetensorsWriter, write_line, write_npz};
use tokpick::source::{Access, LogitsSource, Row, row_iter};
use tokpick::{Error, Result};

use crate::cli::args::{InputArgs, ToArgs};
use crate::cli::note::{left_out, note};
use crate::cli::out::Out;
use crate::cli::{Execute, Given, Screen, Status};

/// Rows go through one by one, as float32. Of an input whose number of steps only its end tells, and of sparse rows, they wait in
/// a temporary file.
#[derive(Args, Clone)]
pub struct Convert {
    #[command(flatten)]
    input: InputArgs,
    /// What to write (default: what the name of the output ends with)
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    to: Option<FormatName>,
    #[command(flatten)]
    file: ToArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// NumPy's format of one array
    Npy,
    /// NumPy's archive, with the array logits
    Npz,
    /// A file of the tensor logits
    Safetensors,
    /// Nested lists
    Json,
    /// A line for each step; sparse rows stay sparse
    Jsonl,
}

impl FormatName {
    fn of(path: &Path) -> Option<FormatName> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        FormatName::from_str(&extension, true).ok()
    }

    fn name(self) -> &'static str {
        match self {
            FormatName::Npy => "NPY",
            FormatName::Npz => "NPZ",
            FormatName::Safetensors => "safetensors",
            FormatName::Json => "JSON",
            FormatName::Jsonl => "JSON Lines",
        }
    }

    fn is_binary(self) -> bool {
        matches!(self, FormatName::Npy | FormatName::Npz | FormatName::Safetensors)
    }
}

impl Execute for Convert {
    const SCREEN: Screen = Screen {
        examples: &["tokpick convert steps.npy -o steps.npz", "tokpick convert steps-small.json --to jsonl"],
        flags: &["layout", "rows", "array", "raw", "vocab-size", "to", "output"],
    };

    fn execute(self, _: &Given) -> anyhow::Result<Status> {
        if self.input.is_missing() {
            return Ok(Status::Helped);
        }
        let named = self.file.output.as_deref().and_then(FormatName::of);
        let Some(format) = self.to.or(named) else {
            let what = "what is to be written? name the output .npy, .npz, .safetensors, .json or .jsonl, or say it with --to";
            anyhow::bail!("{what}");
        };
        let mut opened = self.input.open()?;
        let source = opened.source.as_mut();
        if source.shape().follows_prefix {
            let what = "its rows follow what was generated: there are no steps to convert (a prefix table is JSON Lines already; of a matrix, leave out --source bigram)";
            return Err(Error::input(source.name(), tokpick::Place::default(), what).into());
        }
        if source.vocab().is_some() {
            note("the token strings of the input are not carried over: keep them for --vocab");
        }
        if source.carried().iter().any(|carried| !carried.ids.is_empty()) {
            note(
                "the tokens that the input carries are not carried over: score and verify find them in the input alone",
            );
        }
        if format != FormatName::Jsonl && !source.ids().is_empty() {
            note(
                "the ids of its sequences are not carried over: JSON Lines (--to jsonl) have a place for them",
            );
        }
        let mut out = self.file.open()?;
        if format.is_binary() && out.is_terminal() {
            anyhow::bail!("{} is binary: write it to a file with -o FILE", format.name());
        }
        if format == FormatName::Jsonl {
            lines(source, &mut out)?;
        } else {
            arrays(source, format, &mut out)?;
        }
        out.finish()?;
        if format != FormatName::Jsonl {
            left_out(&opened, |_| "an array can't say so: its rows will be taken for whole ones".into());
        }
        Ok(Status::Done)
    }
}

/// Writes a line for each row.
fn lines(source: &mut dyn LogitsSource, out: &mut Out) -> Result<()> {
    let shape = source.shape();
    let steps = shape.steps();
    if shape.sequences.len() > 1 && steps != Some(1) {
        let (n, first) = (shape.sequences.len(), shape.sequences.start);
        let what = format!(
            "JSON Lines hold the steps of one sequence, and here are {n}: --shard 1/{n} to {n}/{n} writes each to a file of its \
             own (the first is sequence {first}); .npz, .npy, .safetensors and .json hold them all"
        );
        return Err(Error::input(source.name(), tokpick::Place::default(), what));
    }
    if shape.sequences.len() > 1 {
        note("each line is a sequence of one step: read it with --layout bv");
    }
    let ids = source.ids();
    let mut rows = row_iter(source);
    while let Some((sequence, _, row)) = rows.lend()? {
        out.write(|mut to| write_line(&mut to, row, ids.get(&sequence)))?;
    }
    Ok(())
}

/// Writes one array.
fn arrays(source: &mut dyn LogitsSource, format: FormatName, out: &mut Out) -> Result<()> {
    let shape = source.shape();
    let sequences = shape.sequences.len();
    let known = shape.steps().zip(shape.vocab);
    match known {
        // steps of several sequences that come step by step have to be put into order first
        _ if sequences > 1 && shape.access == Access::ByStep => {
            let all = source.array()?;
            let (b, t, v) = all.dim();
            let mut rows = all.rows().into_iter();
            write(format, &[b, t, v], out, &mut |row| {
                let next = rows.next();
                row.clear();
                row.extend(next.iter().flat_map(|next| next.iter()));
                Ok(next.is_some())
            })
        }
        Some((steps, vocab)) => {
            let axes = if sequences == 1 { vec![steps, vocab] } else { vec![sequences, steps, vocab] };
            let name = source.name().to_owned();
            let mut rows = row_iter(source);
            write(format, &axes, out, &mut |to| {
                let Some((_, _, row)) = rows.lend()? else { return Ok(false) };
                dense(&name, row, vocab, to)?;
                Ok(true)
            })
        }
        None => {
            let mut waiting = Waiting::of(source)?;
            let axes = [waiting.rows, waiting.vocab];
            write(format, &axes, out, &mut |row| waiting.next(row))
        }
    }
}

/// A row with −∞ for what it doesn't name.
///
/// # Errors
/// A sparse row of a vocabulary that no model has.
fn dense(name: &str, row: &Row, vocab: usize, to: &mut Vec<f32>) -> Result<()> {
    row.spread(vocab, to).map_err(|what| {
        let what = format!("{what}; JSON Lines (--to jsonl) keep the rows sparse");
        Error::input(name, tokpick::Place::default(), what)
    })
}

/// Rows in a temporary file, until their number and V are known.
struct Waiting {
    file: BufReader<File>,
    rows: usize,
    vocab: usize,
}

/// An error of the temporary file.
fn temporary(source: io::Error) -> Error {
    let folder = std::env::temp_dir();
    Error::Io {
        file: format!("a temporary file in {} (TMPDIR names another folder)", folder.display()),
        source,
    }
}

impl Waiting {
    fn of(source: &mut dyn LogitsSource) -> Result<Waiting> {
        let mut file = BufWriter::with_capacity(1 << 16, tempfile::tempfile().map_err(temporary)?);
        let (mut count, mut vocab, mut row_of) = (0, 0, Vec::new());
        let name = source.name().to_owned();
        let mut rows = row_iter(source);
        while let Some((_, _, row)) = rows.lend()? {
            dense(&name, row, row.vocab, &mut row_of)?;
            vocab = vocab.max(row_of.len());
            file.write_all(&(row_of.len() as u64).to_le_bytes()).map_err(temporary)?;
            file.write_all(bytemuck::cast_slice(&row_of)).map_err(temporary)?;
            count += 1;
        }
        let mut file = file.into_inner().map_err(|e| temporary(e.into_error()))?;
        file.rewind().map_err(temporary)?;
        Ok(Waiting { file: BufReader::with_capacity(1 << 16, file), rows: count, vocab })
    }

    fn next(&mut self, row: &mut Vec<f32>) -> Result<bool> {
        if self.rows == 0 {
            return Ok(false);
        }
        self.rows -= 1;
        let mut length = [0; 8];
        self.file.read_exact(&mut length).map_err(temporary)?;
        row.clear();
        row.resize(u64::from_le_bytes(length) as usize, 0.0);
        self.file.read_exact(bytemuck::cast_slice_mut(row)).map_err(temporary)?;
        // sparse rows tell V as they come
        row.resize(self.vocab, f32::NEG_INFINITY);
        Ok(true)
    }
}

/// Writes what `next` gives, a row for each call until it says no.
fn write(
    format: FormatName,
    axes: &[usize],
    out: &mut Out,
    next: &mut dyn FnMut(&mut Vec<f32>) -> Result<bool>,
) -> Result<()> {
    let mut failed = None;
    let mut each = |write: &mut dyn FnMut(&[f32]) -> io::Result<()>| -> io::Result<()> {
        let mut row = Vec::new();
        loop {
            match next(&mut row) {
                Ok(true) => write(&row)?,
                Ok(false) => return Ok(()),
                Err(e) => {
                    failed = Some(e);
                    return Err(io::Error::other("the input"));
                }
            }
        }
    };
    let written = out.write(|to| match format {
        FormatName::Npz => write_npz(to, axes, |npy| each(&mut |row| npy.row(row))).map(|_| ()),
        FormatName::Safetensors => {
            let mut tensor = SafetensorsWriter::new(to, axes)?;
            each(&mut |row| tensor.row(row))?;
            tensor.finish().map(|_| ())
        }
        FormatName::Json => {
            let mut json = JsonWriter::new(to, axes)?;
            each(&mut |row| json.row(row))?;
            json.finish().map(|_| ())
        }
        FormatName::Npy | FormatName::Jsonl => {
            let mut npy = NpyWriter::new(to, axes)?;
            each(&mut |row| npy.row(row))?;
            npy.finish().map(|_| ())
        }
    });
    // what is wrong with the input says more than that writing ended
    failed.map_or(written, Err)
}
