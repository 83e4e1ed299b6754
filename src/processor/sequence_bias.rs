use serde_json::{Value, json};

use super::param::Bias;
use super::{Candidates, Context, Info, Kind, Needs, Processor, param};
use crate::{Result, TokenId};

/// Sequence bias: adds a number to the score of the token that would complete a sequence.
///
/// For each sequence whose ids but the last are the end of prompt and generated ids, `score ← score + bias` for its last id; all
/// that match add up. A sequence of one id always matches. transformers 5, `SequenceBiasLogitsProcessor`.
///
/// - one value, a list of `[[ids], bias]`; a bias is a finite number or `"-inf"`; disabling value the empty list.
///
/// A sequence whose earlier part is longer than the context doesn't match, and a masked token stays masked.
///
/// ```
/// use tokpick::{processor::{Candidates, Context}, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![1.0, 2.0, 3.0]), 0, 0)?;
/// let cx = Context { context: &[2, 1], prompt_len: 1, sequence: 0, step: 1, coins: &0.0 };
/// settings::chain("sequence_bias=[[[0],0.5],[[1,0],1],[[2,0],8]]")?.apply(&mut c, &cx)?;
/// assert_eq!(c.score(0), Some(2.5));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SequenceBias {
    biases: Vec<(Vec<TokenId>, Bias)>,
}

const NAME: &str = "sequence_bias";

pub(super) static INFO: Info = Info {
    name: NAME,
    kind: Kind::Constraint,
    flag: "--sequence-bias",
    off: "[]",
    summary: "adds a number to the logit of the token that would complete a sequence",
    source: "transformers 5",
    parse: |form| {
        let p: Parameters = param::read(NAME, "value", form)?;
        Ok(Box::new(SequenceBias::checked(p.value)?))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    value: Vec<(Vec<TokenId>, Bias)>,
}

impl SequenceBias {
    /// These biases, finite or −∞, for sequences of at least one id.
    ///
    /// # Errors
    /// NaN or +∞, or an empty sequence.
    pub fn new(biases: &[(Vec<TokenId>, f64)]) -> Result<Self> {
        let bias = |(ids, bias): &(Vec<TokenId>, f64)| Ok((ids.clone(), Bias::new(*bias)?));
        Self::checked(biases.iter().map(bias).collect::<Result<_>>()?)
    }

    fn checked(biases: Vec<(Vec<TokenId>, Bias)>) -> Result<Self> {
        param::check(NAME, "[]", biases.iter().all(|(ids, _)| !ids.is_empty()), "for at least one id each")?;
        Ok(SequenceBias { biases })
    }
}

/// The last ids of the sequences whose other ids are the end of `context`, with what belongs to the sequence.
pub(super) fn completed<'a, T: 'a>(
    sequences: impl Iterator<Item = (&'a Vec<TokenId>, T)>,
    context: &[TokenId],
) -> impl Iterator<Item = (TokenId, T)> {
    sequences.filter_map(move |(ids, with)| match ids.split_last() {
        Some((&last, before)) if context.ends_with(before) => Some((last, with)),
        _ => None,
    })
}

impl Processor for SequenceBias {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        json!(self.biases)
    }

    fn is_off(&self) -> bool {
        self.biases.is_empty()
    }

    fn needs(&self) -> Needs {
        Needs { history: self.biases.iter().any(|(ids, _)| ids.len() > 1), ..Needs::default() }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        for (ids, _) in &self.biases {
            param::inside(NAME, ids, c.vocab())?;
        }
        let sequences = self.biases.iter().map(|(ids, bias)| (ids, bias.value()));
        param::add_biases(c, completed(sequences, cx.context));
        Ok(())
    }
}
