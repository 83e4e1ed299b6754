//! From what was asked for to what decides: settings files, limits, the chain or the parameters of an engine.
//!
//! Every command that looks at processed rows comes through [`Asked::resolve`], so that the same flags and files mean the same.

mod chain;
mod entries;
mod files;

use tokpick::engine::Params;
use tokpick::processor::Chain;
use tokpick::render::Tokens;
use tokpick::sampler::{Job, Limits};
use tokpick::source::LogitsSource;
use tokpick::text::Stop;
use tokpick::{Result, TokenId};

use super::args::{DecodeArgs, DrawArgs, HistoryArgs, LimitArgs, Opened, Seed, SettingsArgs};
use super::note::note;

use self::entries::Facts;
pub use self::files::Files;

/// The flags that decide what becomes of a row.
pub struct Asked<'a> {
    pub settings: &'a SettingsArgs,
    pub limits: &'a LimitArgs,
    pub history: &'a HistoryArgs,
    /// How tokens are drawn; `None` where no engine can be replayed.
    pub draw: Option<&'a DrawArgs>,
}

/// What decides a run, beside its input and its draw.
pub struct Resolved {
    /// The processors; empty where an engine is replayed.
    pub chain: Chain,
    /// The parameters of the engine that is replayed.
    pub params: Option<Params>,
    pub limits: Limits,
    /// What ends a sequence beside them, in a command that decodes.
    pub stop: Option<Stop>,
    pub prompt: Vec<TokenId>,
    pub prefix: Vec<TokenId>,
    /// What processors were told.
    facts: Facts,
}

impl Asked<'_> {
    /// Reads the files of settings, and resolves everything for an open input; `steps` are those that a sequence can have, where
    /// that is known, `follow` says how far the command follows the files.
    ///
    /// # Errors
    /// Files that can't be read; as [`resolve`](Self::resolve).
    pub fn over(
        &self,
        opened: &Opened,
        steps: Option<usize>,
        follow: impl FnOnce(Files) -> Files,
    ) -> Result<(Files, Resolved)> {
        let files = follow(Files::read(self.settings)?);
        let resolved = self.resolve(&files, opened.source.as_ref(), steps, opened.tokens.as_ref())?;
        Ok((files, resolved))
    }

    /// Resolves everything for an input, in a command that knows no stop strings; `steps` are those that a sequence can have, where that is
    /// known, `tokens` the strings that ids may be named by.
    ///
    /// # Errors
    /// Values out of range, named by their flags; what an engine lacks; flags that exclude each other.
    pub fn resolve(
        &self,
        files: &Files,
        source: &dyn LogitsSource,
        steps: Option<usize>,
        tokens: Option<&Tokens>,
    ) -> Result<Resolved> {
        files.note_stop();
        self.without_stop(files, source, steps, tokens)
    }

    fn without_stop(
        &self,
        files: &Files,
        source: &dyn LogitsSource,
        steps: Option<usize>,
        tokens: Option<&Tokens>,
    ) -> Result<Resolved> {
        let [prompt, prefix] = self.history.resolve(tokens, source)?;
        let before = prompt.len() + prefix.len();
        let ends = files.ends(self.limits.eos(tokens)?, tokens.and_then(Tokens::ends));
        let max_new_tokens = match self.limits.max_new_tokens {
            None => files.max_new_tokens(before)?,
            given => given,
        };
        let limits = Limits { max_new_tokens, eos: ends.ending }.of(&source.shape());
        let max_length = limits.max_new_tokens.or(steps).map(|new| before.saturating_add(new));
        let min_tokens_to_keep = files.samples_beams().then(|| (1 + limits.eos.len()).max(2));
        let facts = Facts { eos: ends.all, prompt: prompt.clone(), max_length, min_tokens_to_keep };
        let (chain, params) = match self.draw {
            Some(draw) => chain::chain_or_params(self.settings, draw, files, &facts, tokens)?,
            None => (chain::chain(self.settings, files, &facts, tokens)?, None),
        };
        if chain.needs().history
            && let Some(what) = self.history.dropped(source)
        {
            note(format!("{}: its sequences {what}", source.name()));
        }
        Ok(Resolved { chain, params, limits, stop: None, prompt, prefix, facts })
    }

    /// The parameters that the same flags give an engine.
    ///
    /// # Errors
    /// What no engine has.
    pub fn params(
        &self,
        draw: &DrawArgs,
        files: &Files,
        resolved: &Resolved,
        tokens: Option<&Tokens>,
    ) -> Result<Params> {
        chain::params(self.settings, draw, files, &resolved.facts, tokens)
    }
}

impl Resolved {
    /// The job of a run that reports nothing beside its tokens and is alone on its thread.
    pub fn job(&self, seed: u64) -> Job<'_> {
        let job =
            Job::new(&self.chain).prompt(&self.prompt).prefix(&self.prefix).limits(&self.limits).seed(seed);
        Job { stop: self.stop.as_ref(), ..job }
    }
}

/// The seed of tokpick's own draws and coins, if one was given; the flag wins over files.
///
/// # Errors
/// What is no u64.
pub fn seed(args: &DrawArgs, files: &Files) -> Result<Option<u64>> {
    let given = args.seed.as_ref().map(Seed::number).transpose()?;
    Ok(given.or_else(|| files.get(|s| s.seed)))
}

/// Everything that stands before a strategy is chosen: the open input, and what decides what becomes of its rows.
pub struct Setup {
    pub opened: Opened,
    pub files: Files,
    pub resolved: Resolved,
    /// Whether log-probabilities are asked for, so that a draw must tell what it knows of them.
    pub logprobs: bool,
}

impl Setup {
    /// Resolves what a decoding command was asked for.
    ///
    /// # Errors
    /// As [`Asked::resolve`].
    pub fn new(args: &DecodeArgs, opened: Opened, files: Files, logprobs: bool) -> Result<Setup> {
        let asked = Asked {
            settings: &args.settings,
            limits: &args.limits,
            history: &args.history,
            draw: Some(&args.draw),
        };
        let shape = opened.source.shape();
        let tokens = opened.tokens.as_ref();
        let mut resolved = asked.without_stop(&files, opened.source.as_ref(), shape.steps(), tokens)?;
        resolved.stop = args.stop.resolve(&files, tokens)?;
        Ok(Setup { opened, files, resolved, logprobs })
    }
}
