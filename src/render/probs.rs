//! Distributions of the next token, as tables and JSON.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::Tokens;
use super::kit::{Digits, token};
use crate::TokenId;
use crate::candidates::Candidates;

/// The distribution of one row, once the chain is done with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distribution {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Step of the input, absolute.
    pub step: usize,
    /// The tokens that are not masked, ascending; one whose probability underflows is among them.
    pub ids: Vec<TokenId>,
    /// Their probabilities.
    pub probs: Vec<f64>,
    /// −Σ p ln p over all of them, in nats.
    pub entropy: f64,
    /// How many there are.
    pub kept: usize,
    /// What they had before truncation: their mass under the same chain without its truncations.
    pub kept_mass: f64,
}

impl Distribution {
    /// Reads the distribution off candidates, in f64; [`kept_mass`](Self::kept_mass) is 1 until it is set.
    ///
    /// ```
    /// use tokpick::{candidates::Candidates, render::Distribution, source::Row};
    /// let mut c = Candidates::default();
    /// c.load(Row::dense(vec![0.0, f32::NEG_INFINITY, 0.0]), 0, 0)?;
    /// let d = Distribution::new(0, 3, &c);
    /// assert_eq!((d.ids, d.probs, d.kept), (vec![0, 2], vec![0.5, 0.5], 2));
    /// # Ok::<(), tokpick::Error>(())
    /// ```
    pub fn new(sequence: usize, step: usize, candidates: &Candidates) -> Self {
        let (ids, probs): (Vec<TokenId>, Vec<f64>) = candidates.probabilities().into_iter().unzip();
        let (kept, entropy) = (ids.len(), candidates.figures().entropy);
        Distribution { sequence, step, ids, probs, entropy, kept, kept_mass: 1.0 }
    }

    /// As [`new`](Self::new) with only the `n` most probable tokens (the lower id first among equals); entropy and count are those of all.
    ///
    /// ```
    /// use tokpick::{candidates::Candidates, render::Distribution};
    /// let d = Distribution::top(0, 3, &Candidates::from(&[0.0, 2.0, 0.0][..]), 2);
    /// assert_eq!((d.ids, d.kept), (vec![0, 1], 3));
    /// ```
    pub fn top(sequence: usize, step: usize, candidates: &Candidates, n: usize) -> Self {
        let figures = candidates.figures();
        let mut tokens = candidates.most_probable_of(n, &figures);
        tokens.sort_unstable_by_key(|token| token.0);
        let (ids, probs) = tokens.into_iter().unzip();
        let (kept, entropy) = (candidates.count(), figures.entropy);
        Distribution { sequence, step, ids, probs, entropy, kept, kept_mass: 1.0 }
    }

    /// Tokens (ascending ids) with their probabilities; entropy in f64, [`kept_mass`](Self::kept_mass) is 1 until it is set.
    pub fn of(sequence: usize, step: usize, tokens: &[(TokenId, f64)]) -> Self {
        let (ids, probs): (Vec<TokenId>, Vec<f64>) = tokens.iter().copied().unzip();
        let terms = probs.iter().filter(|&&p| p > 0.0).map(|&p| p * crate::kernel::ln(p));
        let (kept, entropy) = (ids.len(), (0.0 - terms.sum::<f64>()).max(0.0));
        Distribution { sequence, step, ids, probs, entropy, kept, kept_mass: 1.0 }
    }

    /// The probability of a token; `None` where it isn't in.
    pub fn get(&self, id: TokenId) -> Option<f64> {
        self.ids.binary_search(&id).ok().map(|at| self.probs[at])
    }

    /// The mass that some of its tokens (ascending ids) have in this distribution.
    pub fn mass_of(&self, ids: &[TokenId]) -> f64 {
        if ids.len() == self.ids.len() {
            return 1.0;
        }
        let mut wanted = ids.iter().peekable();
        let mut mass = 0.0;
        for (&id, &p) in self.ids.iter().zip(&self.probs) {
            while wanted.next_if(|&&w| w < id).is_some() {}
            if wanted.next_if(|&&w| w == id).is_some() {
                mass += p;
            }
        }
        mass.min(1.0)
    }

    /// Positions of the `n` most probable tokens, the lower id first among equals.
    pub(super) fn best(&self, n: usize) -> Vec<usize> {
        let mut at: Vec<usize> = (0..self.ids.len()).collect();
        let order = |&a: &usize, &b: &usize| self.probs[b].total_cmp(&self.probs[a]).then(a.cmp(&b));
        if n < at.len() {
            at.select_nth_unstable_by(n, order);
            at.truncate(n);
        }
        at.sort_unstable_by(order);
        at
    }

    /// Forgets all tokens but the `n` most probable; entropy, count and mass stay those of all.
    fn truncate(&mut self, n: usize) {
        let mut at = self.best(n);
        at.sort_unstable();
        self.ids = at.iter().map(|&i| self.ids[i]).collect();
        self.probs = at.iter().map(|&i| self.probs[i]).collect();
    }
}

/// A distribution, with the caller's name of its sequence.
#[derive(Serialize)]
struct Named<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Value>,
    #[serde(flatten)]
    distribution: &'a Distribution,
}

/// How distributions are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProbsFormat {
    /// `step<TAB>id<TAB>probability[<TAB>token]`, most probable first; a sequence column first where there are several.
    #[default]
    Tsv,
    /// One document `{"rows":[…]}`, ids ascending.
    Json,
    /// A JSON line for each row.
    Jsonl,
    /// A JSON line for each sequence: the ids that are left at each step, `{"sampling_mask":[[…],…]}`.
    Mask,
    /// The same as ids and offsets, `{"sampling_mask":{"token_ids":[…],"offsets":[…]}}`.
    MaskCsr,
}

/// The sampling mask of a sequence.
#[derive(Debug, Default)]
struct Mask {
    first_step: usize,
    kept: Vec<Vec<TokenId>>,
}

impl Mask {
    fn json(&self, is_csr: bool) -> Value {
        if !is_csr {
            return json!(self.kept);
        }
        let mut offsets = vec![0];
        for kept in &self.kept {
            offsets.push(offsets[offsets.len() - 1] + kept.len());
        }
        json!({ "token_ids": self.kept.concat(), "offsets": offsets })
    }
}

/// Writes distributions.
#[derive(Debug, Default)]
pub struct Probs {
    /// The format.
    pub format: ProbsFormat,
    /// At most so many tokens of each row.
    pub top: Option<usize>,
    /// Whether lines begin with the sequence.
    pub sequences: bool,
    /// Digits of the probabilities of [`ProbsFormat::Tsv`]; JSON has all.
    pub digits: Digits,
    /// The caller's own names of sequences, which stand beside them in JSON.
    pub ids: BTreeMap<usize, Value>,
    written: usize,
    /// Masks by sequence: they are whole only at the end.
    masks: BTreeMap<usize, Mask>,
}

impl Probs {
    /// A writer.
    pub fn new(format: ProbsFormat, top: Option<usize>, sequences: bool) -> Self {
        Probs {
            format,
            top,
            sequences,
            digits: Digits::Six,
            ids: BTreeMap::new(),
            written: 0,
            masks: BTreeMap::new(),
        }
    }

    /// Writes one row.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn row(
        &mut self,
        mut d: Distribution,
        tokens: Option<&Tokens>,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        if matches!(self.format, ProbsFormat::Mask | ProbsFormat::MaskCsr) {
            let first_step = d.step;
            let mask = self.masks.entry(d.sequence).or_insert_with(|| Mask { first_step, kept: Vec::new() });
            mask.kept.push(d.ids);
        } else if self.format == ProbsFormat::Tsv {
            for at in d.best(self.top.unwrap_or(usize::MAX)) {
                if self.sequences {
                    write!(to, "{}\t", d.sequence)?;
                }
                write!(to, "{}\t{}\t{}", d.step, d.ids[at], self.digits.write(d.probs[at]))?;
                if let Some(tokens) = tokens {
                    write!(to, "\t{}", token(Some(tokens), d.ids[at]))?;
                }
                writeln!(to)?;
            }
        } else {
            if let Some(n) = self.top.filter(|&n| n < d.kept) {
                d.truncate(n);
            }
            let row = Named { id: self.ids.get(&d.sequence), distribution: &d };
            let row = serde_json::to_string(&row).map_err(io::Error::from)?;
            match (self.format, self.written) {
                (ProbsFormat::Json, 0) => write!(to, "{{\"rows\":[\n{row}")?,
                (ProbsFormat::Json, _) => write!(to, ",\n{row}")?,
                _ => writeln!(to, "{row}")?,
            }
        }
        self.written += 1;
        Ok(())
    }

    /// Writes what comes after the last row.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn end(&mut self, to: &mut dyn Write) -> io::Result<()> {
        match (self.format, self.written) {
            (ProbsFormat::Json, 0) => writeln!(to, "{{\"rows\":[]}}"),
            (ProbsFormat::Json, _) => writeln!(to, "]}}"),
            (ProbsFormat::Mask | ProbsFormat::MaskCsr, _) => {
                std::mem::take(&mut self.masks).into_iter().try_for_each(|(sequence, mask)| {
                    let is_csr = self.format == ProbsFormat::MaskCsr;
                    let mut line =
                        json!({ "sequence": sequence, "first_step": mask.first_step, "sampling_mask": mask.json(is_csr) });
                    if let Some(id) = self.ids.get(&sequence) {
                        line["id"] = id.clone();
                    }
                    writeln!(to, "{line}")
                })
            }
            _ => Ok(()),
        }
    }
}
