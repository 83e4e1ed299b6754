use super::bias::{Bias, add_biases};
use crate::processor::method::*;
use std::collections::HashMap;

/// Sequence bias: adds a number to the score of the token that would complete a sequence.
///
/// For each sequence whose ids but the last are the end of prompt and generated ids, `score ← score + bias` for its last id; all
/// that match add up. A sequence of one id always matches. transformers 5.24, `SequenceBiasLogitsProcessor`.
///
/// - one value, a list of `[[ids], bias]`; a bias is a finite number or `"-inf"`; disabling value the empty list. Of a
///   sequence that comes twice the last bias counts.
///
/// A sequence whose earlier part is longer than the context doesn't match, and a masked token stays masked.
///
/// ```
/// use tokpick::processor::{Chain, Context, sequence_bias};
///
/// let chain = Chain::new([sequence_bias(vec![(vec![0], 0.5), (vec![1, 0], 1.0), (vec![2, 0], 8.0)])?]);
/// let cx = Context { context: &[2, 1], prompt_len: 1, ..Context::default() };
/// assert_eq!(chain.after(&cx, &[1.0, 2.0, 3.0])?.score(0), Some(2.5));
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// NaN or +∞, or an empty sequence.
pub fn sequence_bias(biases: Vec<(Vec<TokenId>, f64)>) -> Result<Stage> {
    let bias = |(ids, bias)| Ok((ids, Bias::new(bias)?));
    stage(SequenceBias { value: last_of_each(biases.into_iter().map(bias).collect::<Result<_>>()?) })
}

pub(super) static INFO: Info = Info {
    name: "sequence_bias",
    summary: "adds a number to the logit of the token that would complete a sequence",
    source: "transformers 5",
    off: Off::Empty,
    flags: &[Flag::value("sequence-bias", Json)],
    places: Places { hf: (Logits, 0), ..Places::GUEST_LOGITS },
    config: Config::Value,
    parse: |form| {
        let SequenceBias { value } = param::read(&INFO, form)?;
        stage(SequenceBias { value: last_of_each(value) })
    },
    ..Info::CONSTRAINT
};

type Sequences = Vec<(Vec<TokenId>, Bias)>;

/// A sequence that comes twice stays where it came first, with its last bias, as in a Python dictionary.
fn last_of_each(given: Sequences) -> Sequences {
    let mut biases = Sequences::with_capacity(given.len());
    let mut places = HashMap::new();
    for (ids, bias) in given {
        match places.get(&ids) {
            Some(&at) => biases[at] = (ids, bias),
            None => {
                places.insert(ids.clone(), biases.len());
                biases.push((ids, bias));
            }
        }
    }
    biases
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SequenceBias {
    value: Sequences,
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

impl Method for SequenceBias {
    const INFO: &'static Info = &INFO;

    fn check(&self) -> Result<()> {
        let fit = self.value.iter().all(|(ids, _)| !ids.is_empty());
        param::check(INFO.name, "[]", fit, "for at least one id each")
    }

    fn needs(&self) -> Needs {
        Needs { history: self.value.iter().any(|(ids, _)| ids.len() > 1), ..Needs::NOTHING }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        for (ids, _) in &self.value {
            param::inside(INFO.name, ids, c.vocab())?;
        }
        let sequences = self.value.iter().map(|(ids, bias)| (ids, bias.value()));
        add_biases(c, completed(sequences, cx.context));
        Ok(())
    }
}
