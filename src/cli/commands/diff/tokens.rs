//! Log-probabilities of the tokens that were taken, from two origins.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::json;
use tokpick::check::{self, Claimed, LogprobDiff, LogprobOptions, MaskedLogprobs, read_claimed};
use tokpick::render::Tokens;
use tokpick::render::kit::count_of;
use tokpick::source::{LogitsSource, file_and_array, read_text};
use tokpick::{Error, Place, Result, TokenId};

use super::{Diff, FormatName, Of, VOCAB, above};
use crate::cli::note::note;
use crate::cli::resolve::{Asked, Files};
use crate::cli::{Given, Status};

/// The flags that count where both sides are log-probabilities already.
const FLAGS: [&str; 11] =
    ["rows", "of", "ratio-bound", "max-kl", "top", "format", "output", "width", "color", "ascii", "digits"];

/// An input, as far as it has been looked at.
pub(super) enum Input {
    /// Rows, and what they may carry.
    Rows(Box<dyn LogitsSource + Send>),
    /// Nothing but log-probabilities of tokens; the second says whether it can be nothing else.
    Tokens(Vec<Claimed>, bool),
}

impl Diff {
    /// Looks at an input.
    pub(super) fn look_at(&self, path: &Path) -> Result<Input> {
        // a pipe is read once
        let (file, list) = file_and_array(path);
        let is_file = file.is_file() && (self.of == Some(Of::Tokens) || is_small(&file));
        if self.of != Some(Of::Rows) && is_file && may_hold_tokens(&file) {
            let text = read_text(&file)?;
            let found = read_claimed(&file.display().to_string(), text.as_bytes(), list.as_deref())?;
            if let Some(found) = found {
                // a list that was named is no list of the best few
                return Ok(Input::Tokens(found.sequences, found.is_certain || list.is_some()));
            }
        }
        Ok(Input::Rows(self.open(path, self.rows)?))
    }

    /// Opens the rows of a side once more, all of them: what was taken before the chosen ones is history. Its remarks have been made.
    fn whole(&self, path: &Path) -> Result<Box<dyn LogitsSource + Send>> {
        let comes_once = path.as_os_str() == "-" || path.metadata().is_ok_and(|file| !file.is_file());
        if comes_once {
            let what = "with --rows, the rows beside log-probabilities of tokens are read twice, and these come once: save them \
                        as NPY (`tokpick convert`)";
            return Err(Error::input(path.display().to_string(), Place::default(), what));
        }
        self.opened(path, None)
    }

    /// Compares log-probabilities, if that is what the inputs hold; gives them back if not.
    pub(super) fn tokens(
        &self,
        mut inputs: [Input; 2],
        path_b: &Path,
        given: &Given,
    ) -> anyhow::Result<std::result::Result<Status, [Input; 2]>> {
        if self.of == Some(Of::Rows) {
            return Ok(Err(inputs));
        }
        let mut sides: [Option<(Vec<Claimed>, bool)>; 2] = [None, None];
        for (side, input) in sides.iter_mut().zip(&inputs) {
            *side = match input {
                Input::Tokens(claimed, is_certain) => {
                    let mut claimed = claimed.clone();
                    for claimed in claimed.iter_mut().filter(|_| self.tokens.is_some()) {
                        claimed.tokens =
                            claimed.ids.iter().map(|id| text_of(self.tokens.as_ref(), *id)).collect();
                    }
                    Some((claimed, *is_certain))
                }
                Input::Rows(source) if source.carried().iter().any(|c| !c.logprobs.is_empty()) => {
                    Some((carried(source.as_ref(), self.tokens.as_ref()), true))
                }
                Input::Rows(_) => None,
            };
        }
        let is_certain = self.of == Some(Of::Tokens) || sides.iter().flatten().any(|side| side.1);
        let missing = sides.iter().position(Option::is_none);
        let mut masked = None;
        let (a, b) = match (sides, missing) {
            ([Some(a), Some(b)], _) if is_certain => (a.0, b.0),
            ([Some(one), None] | [None, Some(one)], Some(at)) if is_certain && !one.0.is_empty() => {
                let Input::Rows(source) = &mut inputs[at] else { return Ok(Err(inputs)) };
                if one.0.iter().any(|claimed| !claimed.numbered.is_empty()) {
                    let file = if at == 0 { path_b } else { &self.a };
                    let what = "its tokens have no ids, by which rows could be read: `Vocab` gives the strings that ids are found by";
                    return Err(Error::input(file.display().to_string(), Place::default(), what).into());
                }
                let mut all = match self.rows {
                    Some(_) => Some(self.whole(if at == 0 { &self.a } else { path_b })?),
                    None => None,
                };
                let of_rows = self.scored(all.as_mut().unwrap_or(source).as_mut(), &one.0)?;
                let of_rows = masked.insert(of_rows).sequences.clone();
                if at == 0 { (of_rows, one.0) } else { (one.0, of_rows) }
            }
            _ if self.of == Some(Of::Tokens) => {
                let what = "neither file holds the log-probabilities of tokens: JSON with \"ids\" and \"logprobs\", or a server's response";
                return Err(Error::setting("--of", "tokens", what).into());
            }
            _ => {
                self.say_rows(&inputs, path_b);
                return Ok(Err(inputs));
            }
        };
        let rows = missing.is_some();
        if self.mask.is_some() && missing.is_none() {
            let what = "needs the rows of a side: both sides are log-probabilities of tokens";
            return Err(Error::setting("--mask", "", what).into());
        }
        let typed = given.arguments().iter().filter_map(|a| a.long.as_deref());
        if let Some(flag) = typed
            .into_iter()
            .find(|flag| !rows && !FLAGS.contains(flag) && !VOCAB.contains(flag) || *flag == "min-top1")
        {
            let what = "has no meaning where log-probabilities of tokens are compared: they are taken as they are (--of rows compares rows)";
            return Err(Error::setting(format!("--{flag}"), "", what).into());
        }
        if let Some(rows) = self.rows {
            let longest = a.iter().map(|claimed| claimed.logprobs.len()).max().unwrap_or(0);
            if rows.start >= longest {
                let what = format!("selects nothing: A has {} at most", count_of(longest, "token"));
                return Err(Error::setting("--rows", rows, what).into());
            }
        }
        let mut out = self.report.open()?;
        let inside = inputs.iter().find_map(|input| match input {
            Input::Rows(source) => source.strings(),
            Input::Tokens(..) => None,
        });
        let inside = inside.map(Tokens::new);
        let tokens = self.tokens.as_ref().or(inside.as_ref());
        let names = [self.a.as_path(), path_b].map(|path| path.display().to_string());
        let options = LogprobOptions { ratio_bound: self.ratio_bound, worst: self.top, rows: self.rows };
        let found = check::compare_logprobs([&names[0], &names[1]], &a, &b, &options)?;
        let masked = masked.filter(|_| self.mask.is_some());
        let is_inside = masked.as_ref().is_none_or(|masked| masked.taken_outside == 0);
        let holds = self.tokens_hold(&found) && is_inside;
        let look = self.report.look(&out);
        out.report(|to| match self.report.format {
            FormatName::Text => {
                found.text(tokens, &look, to)?;
                masked.as_ref().map_or(Ok(()), |masked| masked.text(&look, to))
            }
            FormatName::Json => {
                let mut document =
                    json!({ "tokpick": env!("CARGO_PKG_VERSION"), "holds": holds, "logprobs": found });
                if let Some(masked) = &masked {
                    document["mask"] =
                        json!({ "surplus": masked.surplus, "taken_outside": masked.taken_outside });
                }
                writeln!(to, "{document}")
            }
        })?;
        out.finish_report()?;
        let k3 = [("KL(A|B) by k3", found.if_a_drew.k3), ("KL(B|A) by k3", found.if_b_drew.k3)];
        k3.into_iter().for_each(|(name, kl)| above("--max-kl", self.max_kl, name, kl));
        Ok(Ok(if holds { Status::Done } else { Status::No }))
    }

    /// The log-probabilities that rows give to the tokens of the other side, after the processors that were asked for.
    fn scored(&self, source: &mut dyn LogitsSource, other: &[Claimed]) -> Result<MaskedLogprobs> {
        let ids: Vec<Vec<TokenId>> = other.iter().map(|c| c.ids.clone()).collect();
        let files = Files::read(&self.settings)?.drawing("`diff` compares what `sample` draws from");
        let asked =
            Asked { settings: &self.settings, limits: &self.limits, history: &self.history, draw: None };
        let mut resolved = asked.resolve(&files, source, ids.iter().map(Vec::len).max(), None)?;
        resolved.limits.max_new_tokens = None;
        if let Some(file) = &self.mask {
            let masks = self.read_masks(file)?;
            return check::masked_logprobs(
                source,
                &resolved.job(self.seed),
                &ids,
                &file.display().to_string(),
                &masks,
            );
        }
        let is_raw = resolved.chain.json().as_array().is_some_and(Vec::is_empty);
        let scores = check::score(source, &resolved.job(self.seed), &ids)?;
        let claimed = scores.into_iter().map(|score| {
            let logprobs = score.tokens.iter().map(|t| if is_raw { t.logprob } else { t.processed_logprob });
            let logprobs = logprobs.map(|l| Some(l.unwrap_or(f64::NEG_INFINITY))).collect();
            Claimed { ids: score.tokens.iter().map(|t| t.id).collect(), logprobs, ..Claimed::default() }
        });
        Ok(MaskedLogprobs { sequences: claimed.collect(), ..MaskedLogprobs::default() })
    }

    /// Lists that may be the tokens of a sequence are read as one row.
    fn say_rows(&self, inputs: &[Input; 2], path_b: &Path) {
        for (input, path) in inputs.iter().zip([self.a.as_path(), path_b]) {
            if matches!(input, Input::Tokens(_, false)) {
                note(format!(
                    "{}: ids and logprobs are read as a row that lists its likeliest tokens; --of tokens reads the \
                     log-probabilities of a sequence's tokens",
                    path.display()
                ));
            }
        }
    }

    fn tokens_hold(&self, found: &LogprobDiff) -> bool {
        let within = |k3: Option<f64>| self.max_kl.is_none_or(|most| k3.is_some_and(|k3| k3 <= most));
        within(found.if_a_drew.k3) && within(found.if_b_drew.k3)
    }
}

/// What a source carries, with the strings of its tokens: its own, else those of the vocabulary.
fn carried(source: &dyn LogitsSource, tokens: Option<&Tokens>) -> Vec<Claimed> {
    let strings = source.strings();
    let names = source.ids();
    let mut all: Vec<Claimed> = source.carried().iter().map(Claimed::from).collect();
    let own = |id: TokenId| strings.as_ref().and_then(|strings| strings.token(id)).map(str::to_string);
    for (at, claimed) in all.iter_mut().enumerate() {
        claimed.name = names.get(&at).cloned();
        let texts = claimed.ids.iter().map(|id| own(*id).or_else(|| text_of(tokens, *id)));
        claimed.tokens = texts.collect();
    }
    all
}

/// The text of a token of the vocabulary.
fn text_of(tokens: Option<&Tokens>, id: TokenId) -> Option<String> {
    tokens.filter(|tokens| tokens.strings().token(id).is_some()).map(|tokens| tokens.piece(id))
}

/// The largest file that is read whole only to see whether it holds log-probabilities of tokens; `--of tokens` reads any.
const LARGEST: u64 = 1 << 28;

fn is_small(path: &Path) -> bool {
    path.metadata().is_ok_and(|m| m.len() <= LARGEST)
}

/// True if a file begins as JSON that is no rows of logits.
pub(super) fn may_hold_tokens(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1 << 16).read_to_end(&mut start));
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start).trim_ascii_start();
    let begins = match text {
        [b'{', ..] => true,
        [b'[', rest @ ..] => rest.trim_ascii_start().starts_with(b"{"),
        _ => false,
    };
    let names = |key: &[u8]| text.windows(key.len()).any(|part| part == key);
    read.is_ok() && begins && ![&b"\"logits\""[..], b"\"probs\"", b"\"prefix\""].into_iter().any(names)
}
