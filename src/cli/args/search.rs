//! Beam search and exact search.

use clap::{Args, ValueEnum};
use tokpick::render::Tokens;
use tokpick::sampler::{Beam, EarlyStopping, LengthNorm, Variant};
use tokpick::{Error, Result};

use super::group::{Group, Listed};
use crate::cli::named::{NamedPhrases, parse};
use crate::cli::note::note;
use crate::cli::resolve::Files;

#[derive(Args, Clone)]
#[command(next_help_heading = "Beam search")]
pub struct SearchArgs {
    /// How many beams live on (default 4)
    #[arg(long, short = 'b', value_name = "N", allow_hyphen_values = true)]
    pub num_beams: Option<usize>,
    /// Exponent of the length in the score: 0 neutral, 1 the mean log-probability, more favours longer ones (default 1; 0 with
    /// --stochastic)
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub length_penalty: Option<f64>,
    /// How the length enters the score (default hf)
    #[arg(long, value_name = "FORM")]
    pub length_norm: Option<NormName>,
    /// When a search with enough finished hypotheses stops (default false)
    #[arg(long, value_name = "WHEN")]
    pub early_stopping: Option<StopName>,
    /// How many hypotheses of each sequence are returned, best first (default 1)
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub num_return_sequences: Option<usize>,
    /// Prune what is more than X nats below the best continuation of a step
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub beam_margin: Option<f64>,
    /// Draw the continuations without replacement, as transformers' beams with `do_sample` do, and rank what was drawn by sum (5.24;
    /// default) or in the order of the draw (up to 5.23)
    #[arg(long, value_name = "RANKS", num_args = 0..=1, require_equals = true, default_missing_value = "sum")]
    pub beam_sample: Option<RankName>,
    /// Stochastic beam search: hypotheses drawn without replacement; X from 0 (plain beam search) to 1 (default) is the part of the noise
    #[arg(long, value_name = "X", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    pub stochastic: Option<f64>,
    /// Diverse beam search: groups of beams that avoid each other's tokens
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub num_beam_groups: Option<usize>,
    /// What a token costs for each beam of an earlier group that took it (default 0)
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub diversity_penalty: Option<f64>,
    /// Phrases that every hypothesis must hold, separated by `;` (the flag may also be repeated); JSON, where a phrase may take one of
    /// several forms: '[[[5,6],[7]]]'
    #[arg(long, value_name = "IDS", value_parser = parse::<NamedPhrases>)]
    pub force_ids: Vec<NamedPhrases>,
}

/// By what drawn continuations are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RankName {
    /// The largest sum first (transformers 5.24)
    Sum,
    /// What was drawn first (transformers up to 5.23)
    Drawn,
}

impl From<RankName> for Variant {
    fn from(name: RankName) -> Variant {
        match name {
            RankName::Sum => Variant::Sample,
            RankName::Drawn => Variant::SampleUnsorted,
        }
    }
}

/// When beam search stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StopName {
    /// At once
    True,
    /// When no live beam is better at its present length
    False,
    /// When no live beam can become better
    Never,
}

impl From<StopName> for EarlyStopping {
    fn from(name: StopName) -> EarlyStopping {
        match name {
            StopName::True => EarlyStopping::True,
            StopName::False => EarlyStopping::False,
            StopName::Never => EarlyStopping::Never,
        }
    }
}

/// The forms of the length norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NormName {
    /// len ^ penalty (Hugging Face)
    Hf,
    /// ((5 + len) / 6) ^ penalty (Wu et al. 2016)
    Gnmt,
}

impl From<NormName> for LengthNorm {
    fn from(name: NormName) -> LengthNorm {
        match name {
            NormName::Hf => LengthNorm::Hf,
            NormName::Gnmt => LengthNorm::Gnmt,
        }
    }
}

impl Group for SearchArgs {
    const FLAGS: &'static [Listed<Self>] = &[
        ("--num-beams", |a| a.num_beams.is_some()),
        ("--length-penalty", |a| a.length_penalty.is_some()),
        ("--length-norm", |a| a.length_norm.is_some()),
        ("--early-stopping", |a| a.early_stopping.is_some()),
        ("--num-return-sequences", |a| a.num_return_sequences.is_some()),
        ("--beam-margin", |a| a.beam_margin.is_some()),
        ("--beam-sample", |a| a.beam_sample.is_some()),
        ("--stochastic", |a| a.stochastic.is_some()),
        ("--num-beam-groups", |a| a.num_beam_groups.is_some()),
        ("--diversity-penalty", |a| a.diversity_penalty.is_some()),
        ("--force-ids", |a| !a.force_ids.is_empty()),
    ];
}

impl SearchArgs {
    /// The search; flags win over files. The phrases of `--force-ids` join it in [`with_phrases`](Self::with_phrases), once the
    /// strings of tokens are known.
    ///
    /// # Errors
    /// Parameters out of range, variants that exclude each other.
    pub fn beam(&self, files: &Files) -> Result<Beam> {
        let num_beams = self.num_beams.or_else(|| files.get(|s| s.num_beams)).unwrap_or(4);
        let mut beam = Beam { variant: self.variant(files)?, ..Beam::new(num_beams)? };
        // anything but 0 would reorder the sample
        let neutral = matches!(beam.variant, Variant::Stochastic { .. }).then_some(0.0);
        let penalty = self.length_penalty.or(neutral).or_else(|| files.get(|s| s.length_penalty));
        beam.length_penalty = penalty.unwrap_or(beam.length_penalty);
        beam.length_norm = self.length_norm.map_or(beam.length_norm, LengthNorm::from);
        let n = self.num_return_sequences.or_else(|| files.get(|s| s.num_return_sequences));
        beam.num_return_sequences = n.unwrap_or(beam.num_return_sequences);
        let stopping = self.early_stopping.map(EarlyStopping::from);
        beam.early_stopping =
            stopping.or_else(|| files.get(|s| s.early_stopping)).unwrap_or(beam.early_stopping);
        beam.beam_margin = self.beam_margin;
        Ok(beam)
    }

    /// Says that a flag chose the search, where a file asks for sampling.
    pub fn note_do_sample(&self, files: &Files, variant: &Variant) {
        let chosen = match variant {
            Variant::Diverse { .. } => "--num-beam-groups",
            Variant::Constrained { .. } => "--force-ids",
            Variant::Stochastic { .. } => "--stochastic",
            Variant::Plain | Variant::Sample | Variant::SampleUnsorted => return,
        };
        // what a file chooses beside it is refused
        if files.get(|s| s.do_sample) == Some(true) {
            note(format!("no effect: do_sample true, as {chosen} chooses the search"));
        }
    }

    /// The search with the phrases of `--force-ids`.
    ///
    /// # Errors
    /// A string that is no token.
    pub fn with_phrases(&self, beam: Beam, tokens: Option<&Tokens>) -> Result<Beam> {
        if self.force_ids.is_empty() {
            return Ok(beam);
        }
        let phrases = self.force_ids.iter().map(|phrases| phrases.resolve("--force-ids", tokens));
        let force_ids = phrases.collect::<Result<Vec<_>>>()?.concat();
        Ok(Beam { variant: Variant::Constrained { force_ids }, ..beam })
    }

    /// The variant: at most one is given by flags; a file's counts where none is.
    fn variant(&self, files: &Files) -> Result<Variant> {
        let diverse = self.num_beam_groups.is_some() || self.diversity_penalty.is_some();
        let given = [
            (self.beam_sample.is_some(), "--beam-sample"),
            (self.stochastic.is_some(), "--stochastic"),
            (diverse, "--num-beam-groups"),
            (!self.force_ids.is_empty(), "--force-ids"),
        ];
        let given: Vec<&str> = given.iter().filter(|(given, _)| *given).map(|(_, name)| *name).collect();
        if let [one, another, ..] = given[..] {
            let with = format!("with {another}");
            return Err(Error::setting(one, with, "a beam search is of one kind: leave out one of them"));
        }
        if given.is_empty() {
            refused_by_transformers(files)?;
        }
        if let Some(ranks) = self.beam_sample {
            return Ok(ranks.into());
        }
        if let Some(noise) = self.stochastic {
            return Ok(Variant::Stochastic { noise });
        }
        if !self.force_ids.is_empty() {
            return Ok(Variant::Constrained { force_ids: Vec::new() });
        }
        let force_ids = files.get(|s| s.force_words_ids.clone()).unwrap_or_default();
        if given.is_empty() && !force_ids.is_empty() {
            return Ok(Variant::Constrained { force_ids });
        }
        let num_beam_groups = self.num_beam_groups.or_else(|| files.get(|s| s.num_beam_groups)).unwrap_or(1);
        let penalty = self.diversity_penalty.or_else(|| files.get(|s| s.diversity_penalty));
        if num_beam_groups == 1 && self.diversity_penalty.is_none() && self.num_beam_groups.is_none() {
            let samples = given.is_empty() && files.get(|s| s.do_sample) == Some(true);
            return Ok(if samples { Variant::Sample } else { Variant::Plain });
        }
        Ok(Variant::Diverse { num_beam_groups, diversity_penalty: penalty.unwrap_or(0.0) })
    }
}

/// Refuses what transformers refuses of a file's own settings of a beam search.
fn refused_by_transformers(files: &Files) -> Result<()> {
    let refuse = |name: &str, value: String, what: &str| Err(Error::setting(name, value, what));
    let groups = files.get(|s| s.num_beam_groups).unwrap_or(1);
    if files.get(|s| s.do_sample) == Some(true) {
        let what = "excludes do_sample true: transformers refuses the two together; set do_sample to false in the file";
        if groups > 1 {
            return refuse("num_beam_groups", groups.to_string(), what);
        }
        if files.get(|s| s.force_words_ids.clone()).is_some_and(|phrases| !phrases.is_empty()) {
            return refuse("force_words_ids", String::new(), what);
        }
    }
    match files.get(|s| s.diversity_penalty) {
        Some(penalty) if penalty > 0.0 && groups < 2 => refuse(
            "diversity_penalty",
            penalty.to_string(),
            "is for several groups of beams, and transformers refuses it with one: set num_beam_groups to 2 or more, or give --num-beam-groups",
        ),
        _ => Ok(()),
    }
}
