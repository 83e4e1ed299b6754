//! The input: where logits come from, and how they are to be read.

use std::io::{IsTerminal, stdin};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use tokpick::check::{Digest, Hashing, RecordedInput, Tally, digest_file, digest_vocab};
use tokpick::source::{
    DtypeHint, Layout, LogitsSource, Meaning, ModelCommand, Open, Portion, RawDtype, RowRange, Seen, Shard,
    file_and_array, left_out, offset, remarking, shard,
};
use tokpick::text::Tokens;
use tokpick::{Error, Place, Result, TokenId};

use super::model::ModelArgs;
use super::vocab::VocabArgs;
use crate::cli::named::parse;
use crate::cli::note::{no_effect, note};
use crate::cli::progress::watched;

#[derive(Args, Clone)]
#[command(next_help_heading = "Input")]
pub struct InputArgs {
    /// Logits: NPY, JSON, JSON Lines, .npz, safetensors, .kld, a server's answer (also in gzip or Zstandard), told apart by content; `-` (the
    /// default) is standard input
    #[arg(value_name = "INPUT", help_heading = None)]
    pub input: Option<PathBuf>,
    /// What the axes are: t steps, b sequences of a batch, v tokens (default: tv for two axes, btv for three)
    #[arg(long, value_name = "tv|bv|btv|tbv", value_parser = parse::<Layout>)]
    pub layout: Option<Layout>,
    /// A part of the steps (of the sequences with `--layout bv`), which keep their numbers; B is not included
    #[arg(long, value_name = "A..B", value_parser = parse::<RowRange>)]
    pub rows: Option<RowRange>,
    /// Number the sequences from N on: a part of a job draws what the whole draws there
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub sequence_offset: usize,
    /// The I-th of N parts of the sequences (with `--layout bv` of the rows), which keep their numbers; the outputs of all parts, one after
    /// the other, are that of one run
    #[arg(long, value_name = "I/N", value_parser = parse::<Shard>)]
    pub shard: Option<Shard>,
    /// What a `uint16` NPY array holds: bf16
    #[arg(long, value_name = "bf16", value_parser = parse::<DtypeHint>)]
    pub dtype: Option<DtypeHint>,
    /// Which array of an .npz or safetensors file (INPUT#NAME says it, too), where there are several and none is called `logits`
    #[arg(long, value_name = "NAME")]
    pub array: Option<String>,
    /// INPUT is bare little-endian numbers, f32, f16, bf16 or f64, in rows of `--vocab-size`
    #[arg(long, value_name = "TYPE", value_parser = parse::<RawDtype>)]
    pub raw: Option<RawDtype>,
    /// Read JSON `null` as a masked token
    #[arg(long)]
    pub null_is_masked: bool,
    /// The numbers are probabilities, not logits (JSON may say so itself: `{"probs": [...]}`)
    #[arg(long)]
    pub probs: bool,
    /// Refuse rows that leave out more than this share of the probability: those of servers list the likeliest tokens alone
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    pub max_missing_mass: Option<f64>,
    /// Which tokens of a server's answer are read (default: what was generated, unless the prompt alone has log-probabilities)
    #[arg(long, value_name = "generated|prompt", value_parser = parse::<Portion>)]
    pub part: Option<Portion>,
    /// What the rows of a [V,V] array are: `bigram` reads row i as the logits after token i
    #[arg(long, value_name = "NAME")]
    pub source: Option<SourceName>,
    #[command(flatten)]
    pub vocab: VocabArgs,
    /// Vocabulary size, for sparse rows whose ids don't tell it, and for rows of a padded model: their ids from V up are masked
    #[arg(long, value_name = "V")]
    pub vocab_size: Option<usize>,
    #[command(flatten)]
    pub model: ModelArgs,
}

/// What an array can mean beside steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SourceName {
    /// Steps, or what the content says.
    Auto,
    /// Row i holds the logits after token i.
    Bigram,
}

type Source = Box<dyn LogitsSource + Send>;

/// An input that is open.
pub struct Opened {
    pub source: Box<dyn LogitsSource + Send>,
    /// Its strings: those of `--vocab`, else those that came inside.
    pub tokens: Option<Tokens>,
    /// Its path; `-` for standard input.
    path: PathBuf,
    /// What has been read of standard input, where that is asked for.
    tally: Option<Tally>,
    /// What its rows leave out, where they do.
    pub left_out: Option<Seen>,
    /// Digest of the strings.
    pub vocabulary: Option<Digest>,
    /// Which part of its sequences it is.
    pub shard: Option<Shard>,
    /// How many sequences there are in all parts.
    pub sequences: usize,
}

impl Opened {
    /// Of lists of the whole run, so many for each sequence, those of the part that is read; lists of another number as they are.
    pub fn of_part<T>(&self, mut lists: Vec<T>, each: usize) -> Vec<T> {
        let own = self.source.shape().sequences.len();
        if let Some(part) = self.shard
            && lists.len() == self.sequences * each
            && own < self.sequences
        {
            let part = part.of(0..self.sequences);
            lists.truncate(part.end * each);
            lists.drain(..part.start * each);
        }
        lists
    }

    /// The digest of the whole input. What is left of a stream is read to its end; a file is read again.
    pub fn digest(&self) -> Result<RecordedInput> {
        let (sha256, bytes) = match &self.tally {
            None => digest_file(&self.path)?,
            Some(tally) => {
                let io = |source| Error::Io { file: "standard input".to_string(), source };
                tally.rest(stdin()).map_err(io)?;
                tally.digest()
            }
        };
        let path = self.path.as_path().into();
        Ok(RecordedInput { role: "input".to_string(), path, sha256, bytes })
    }
}

impl InputArgs {
    /// The live model, if one is to be asked; flags about files have no place beside it.
    fn model(&self) -> Result<Option<ModelCommand>> {
        let Some(model) = self.model.command(self.dtype)? else { return Ok(None) };
        let idle = [
            (self.input.is_some(), "INPUT"),
            (self.layout.is_some(), "--layout"),
            (self.shard.is_some(), "--shard"),
            (self.rows.is_some(), "--rows"),
            (self.source.is_some(), "--source"),
            (self.array.is_some(), "--array"),
            (self.raw.is_some(), "--raw"),
            (self.probs, "--probs"),
            (self.part.is_some(), "--part"),
            (self.max_missing_mass.is_some(), "--max-missing-mass"),
        ];
        if let Some((_, name)) = idle.iter().find(|(given, _)| *given) {
            let what = format!("excludes {name}: the model is the input");
            return Err(Error::setting("--model-command", &model.command, what));
        }
        let (null_is_masked, vocab_size) = (self.null_is_masked, self.vocab_size);
        Ok(Some(ModelCommand { null_is_masked, vocab_size, ..model }))
    }

    /// True if a person sits at a terminal and gave no input: they want to know what the command does.
    pub fn is_missing(&self) -> bool {
        self.input.is_none() && self.model.model_command.is_none() && stdin().is_terminal()
    }

    /// Opens the input and its vocabulary.
    pub fn open(&self) -> Result<Opened> {
        self.open_as(self.layout, false)
    }

    /// Opens the input and its vocabulary, counting up a digest where the input can be read only once.
    pub fn open_digesting(&self) -> Result<Opened> {
        self.open_as(self.layout, true)
    }

    /// How the input is to be read.
    fn how(&self, layout: Option<Layout>, tokens: Option<&Tokens>) -> Open {
        Open {
            layout,
            rows: self.rows,
            dtype: self.dtype,
            null_is_masked: self.null_is_masked,
            array: self.array.clone(),
            raw: self.raw,
            probs: self.probs,
            portion: self.part,
            kind: if self.source == Some(SourceName::Bigram) { Meaning::Bigram } else { Meaning::Auto },
            vocab_size: self.vocab_size,
            names: tokens.map(Tokens::names),
            ..Open::new(self.input.clone().unwrap_or_else(|| "-".into()))
        }
    }

    /// The ids that a file carries beside its rows, from its first step on, a list for each sequence; nothing is said about the file.
    ///
    /// # Errors
    /// What can't be opened.
    pub fn carried(&self) -> Result<Vec<Vec<TokenId>>> {
        let source = self.how(self.layout, self.vocab.open()?.as_ref()).open()?;
        let shape = source.shape();
        Ok(source.carried().iter().map(|c| c.at_steps(&shape).to_vec()).collect())
    }

    /// Watches what the rows of a source leave out, where they do.
    fn watching(&self, source: Source) -> Result<(Source, Option<Seen>)> {
        if let Some(most) = self.max_missing_mass {
            if !(0.0..=1.0).contains(&most) {
                return Err(Error::setting("--max-missing-mass", most, "must be from 0 to 1"));
            }
            if !source.leaves_out() {
                no_effect(&["--max-missing-mass"], "on rows that leave nothing out");
            }
        }
        match source.leaves_out() {
            false => Ok((source, None)),
            true => left_out(source, self.max_missing_mass).map(|(source, seen)| (source, Some(seen))),
        }
    }

    /// Opens the input under a layout.
    pub fn open_as(&self, layout: Option<Layout>, digest: bool) -> Result<Opened> {
        let path = self.input.clone().unwrap_or_else(|| "-".into());
        let tokens = self.vocab.open()?;
        let digest_of = |tokens: &Option<Tokens>| {
            tokens.as_ref().filter(|_| digest).map(|t| digest_vocab(t.strings().iter()))
        };
        if let Some(model) = self.model()? {
            let source = remarking(Box::new(model.start()?), layout, Box::new(note));
            let source = watched(offset(source, self.sequence_offset)?)?;
            let (vocabulary, sequences) = (digest_of(&tokens), source.shape().sequences.len());
            let (left_out, shard) = (None, None);
            return Ok(Opened { source, tokens, path, tally: None, left_out, vocabulary, shard, sequences });
        }
        let open = self.how(layout, tokens.as_ref());
        let mut tally = None;
        let is_file = std::fs::metadata(file_and_array(&path).0).is_ok_and(|m| m.is_file());
        let source = if digest && path == Path::new("-") {
            let (reader, read) = Hashing::new(stdin());
            tally = Some(read);
            open.read(reader)?
        } else if digest && !is_file && path.exists() {
            let what = "can't be read twice, for its digest: pipe it into standard input, or save it";
            return Err(Error::input(path.display().to_string(), Place::default(), what));
        } else {
            open.open()?
        };
        let source = offset(remarking(source, layout, Box::new(note)), self.sequence_offset)?;
        let sequences = source.shape().sequences.len();
        let (source, left_out) = self.watching(self.part(source)?)?;
        let source = watched(source)?;
        // a server names the tokens that it lists
        let own = |tokens: Tokens| if source.leaves_out() { tokens.as_part() } else { tokens };
        let tokens = tokens.or_else(|| source.strings().map(Tokens::new).map(own));
        let vocabulary = digest_of(&tokens);
        Ok(Opened { source, tokens, path, tally, left_out, vocabulary, shard: self.shard, sequences })
    }

    /// The part of the sequences that is asked for.
    fn part(&self, source: Box<dyn LogitsSource + Send>) -> Result<Box<dyn LogitsSource + Send>> {
        let Some(part) = self.shard else { return Ok(source) };
        let shape = source.shape();
        if shape.sequences.len() == 1 && shape.steps() != Some(1) {
            note(
                "the input is one sequence, which is not cut: the last shard has all of it (--layout bv: each row is a sequence)",
            );
        }
        shard(source, part)
    }
}
