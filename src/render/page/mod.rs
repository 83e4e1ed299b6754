//! A page to play with: the rows of a sequence, settings to change, draws, a beam search to step through. One file, nothing from
//! elsewhere.
//!
//! The page decodes by itself, as tokpick does: its script has the arithmetic of decisions and the draw `chacha8-v1`. What it shows
//! agrees with `tokpick probs`, `sample` and `explain`, and it gives the command for each picture.

mod row;

pub use row::PageRow;

use serde_json::{Map, Value, json};

use self::row::{LEAST, MOST};
use super::{Tokens, kit};
use crate::hypothesis::{Finish, Hypothesis};
use crate::trace::{BeamStep, Fate, LiveBeam};
use crate::{Error, Place, Result, TokenId};

/// The stages that a page has sliders for, in transformers' order: their JSON names.
pub const STAGES: [&str; 6] = ["repetition_penalty", "temperature", "top_k", "top_p", "min_p", "typical_p"];

/// A page is smaller than this, in bytes.
const LARGEST: usize = 1_000_000;
/// Columns of a token's text.
const WIDEST: usize = 32;
/// Continuations of a step that did not live on, as far as they are shown.
const PRUNED: usize = 8;

const FRAME: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
/// The script, in the order in which its parts run.
const SCRIPT: [(&str, &str); 5] = [
    ("decode", include_str!("decode.js")),
    ("state", include_str!("state.js")),
    ("pane", include_str!("pane.js")),
    ("beam", include_str!("beam.js")),
    ("view", include_str!("view.js")),
];

/// What a page is made from.
pub struct Page<'a> {
    /// What the input is called.
    pub title: &'a str,
    /// The strings of tokens.
    pub tokens: Option<&'a Tokens>,
    /// The sequence.
    pub sequence: usize,
    /// What processors see before the first row.
    pub prompt: &'a [TokenId],
    /// What was generated before the first row.
    pub prefix: &'a [TokenId],
    /// The end tokens.
    pub eos: &'a [TokenId],
    /// The seed that the page opens with.
    pub seed: u64,
    /// The stages that the page opens with, in their order: name, value, whether it is on.
    pub setting: &'a [(&'static str, f64, bool)],
    /// The rows.
    pub rows: &'a [PageRow],
    /// Where rows follow the prefix: the ids that they follow.
    pub path: Option<&'a [TokenId]>,
    /// The steps of a beam search over the same rows.
    pub beams: &'a [BeamStep],
    /// Its results.
    pub found: &'a [Hypothesis],
    /// The words that say what the input is: each flag with its value.
    pub input: &'a [Vec<String>],
    /// The command of the beam search.
    pub search: &'a str,
    /// How the page was made.
    pub made: &'a str,
}

impl Page<'_> {
    /// The page as HTML, with as many tokens of each row as there is room for.
    ///
    /// # Errors
    /// More steps than a page has room for.
    pub fn html(&self) -> Result<String> {
        let beams = self.search();
        let script = SCRIPT.iter().map(|part| part.1.len()).sum::<usize>();
        let fixed = FRAME.len() + STYLE.len() + script;
        let room = LARGEST.saturating_sub(fixed + beams.to_string().len() + self.made.len());
        let longest = self.rows.iter().map(PageRow::len).max().unwrap_or(0);
        // eight bytes for a token's place and logit, and about as many for its string
        let guess = room / (self.rows.len().max(1) * 8);
        let mut n = longest.min(guess.clamp(LEAST, MOST));
        loop {
            let page = self.with(n, &beams);
            if page.len() < LARGEST {
                return Ok(page);
            }
            if n <= LEAST {
                let what = format!(
                    "{} steps are more than a page has room for: choose some with `Open::rows` 0..{}, or fewer beams",
                    self.rows.len(),
                    (self.rows.len() / 2).max(1)
                );
                return Err(Error::input(self.title, Place::default(), what));
            }
            n = (n * 3 / 4).max(LEAST);
        }
    }

    fn with(&self, n: usize, beams: &Value) -> String {
        let mut ids = Vec::new();
        let rows: Vec<Value> = self.rows.iter().map(|row| row.json(n, &mut ids)).collect();
        ids.extend(self.prompt.iter().chain(self.prefix).chain(self.path.unwrap_or_default()));
        ids.extend(self.beams.iter().flat_map(|step| &step.considered).map(|c| c.id));
        ids.extend(self.found.iter().flat_map(|found| &found.ids));
        ids.sort_unstable();
        ids.dedup();
        let shown = |id: TokenId| kit::clip(&kit::token(self.tokens, id), WIDEST);
        let names: Map<String, Value> = match self.tokens {
            Some(_) => ids.into_iter().map(|id| (id.to_string(), shown(id).into())).collect(),
            None => Map::new(),
        };
        let setting: Vec<Value> =
            self.setting.iter().map(|(name, value, on)| json!([name, value, on])).collect();
        let data = json!({
            "title": self.title,
            "sequence": self.sequence,
            "prompt": self.prompt,
            "prefix": self.prefix,
            "eos": self.eos,
            "seed": self.seed.to_string(),
            "setting": setting,
            "path": self.path,
            "rows": rows,
            "names": names,
            "beams": beams,
            "input": self.input,
            "search": self.search,
            "made": self.made,
        });
        // nothing in the data can end the script that holds it
        let data = data.to_string().replace('<', "\\u003c");
        let title = kit::escape(self.title);
        let parts = SCRIPT.into_iter().chain([("title", &*title), ("style", STYLE), ("data", &*data)]);
        let mut page = String::new();
        for piece in FRAME.split_inclusive("}}") {
            let Some((before, name)) = piece.strip_suffix("}}").and_then(|p| p.rsplit_once("{{")) else {
                page.push_str(piece);
                continue;
            };
            page.push_str(before);
            page.extend(parts.clone().find(|part| part.0 == name).map(|part| part.1));
        }
        page
    }

    /// The beam search as the page shows it.
    fn search(&self) -> Value {
        let step = |at: usize, step: &BeamStep| {
            let after = self.beams[at + 1..].iter().find(|next| next.group == step.group);
            // the rank of a continuation among the beams of the next step
            let rank = |parent: usize, id: TokenId| {
                let before = step.live.get(parent).map_or(&[][..], |beam| &beam.ids);
                let grown = |beam: &LiveBeam| beam.ids.split_last() == Some((&id, before));
                after.and_then(|next| next.live.iter().position(grown))
            };
            let mut dropped = 0;
            let mut considered = Vec::new();
            for c in &step.considered {
                let (fate, score) = match c.fate {
                    Fate::Live => ("live", None),
                    Fate::Finished(score) => ("finished", Some(score)),
                    Fate::Lost => ("lost", None),
                    Fate::Pruned => ("pruned", None),
                    Fate::Margin => ("margin", None),
                    Fate::Unmet => ("unmet", None),
                };
                if !matches!(c.fate, Fate::Live | Fate::Finished(_)) {
                    dropped += 1;
                    if dropped > PRUNED {
                        continue;
                    }
                }
                let next = (c.fate == Fate::Live).then(|| rank(c.parent, c.id)).flatten();
                considered.push(json!([c.parent, c.id, c.score, c.sum, fate, score, next]));
            }
            json!({
                "step": step.step, "group": step.group, "live": step.live.len(), "considered": considered,
                "hidden": dropped.saturating_sub(PRUNED),
            })
        };
        let result = |h: &Hypothesis| {
            let sum: f64 = h.processed_logprobs.iter().flatten().sum();
            json!({"ids": h.ids, "score": h.score, "sum": sum, "ended": h.finish_reason == Finish::Eos})
        };
        json!({
            "steps": self.beams.iter().enumerate().map(|(at, one)| step(at, one)).collect::<Vec<_>>(),
            "found": self.found.iter().map(result).collect::<Vec<_>>(),
        })
    }
}
