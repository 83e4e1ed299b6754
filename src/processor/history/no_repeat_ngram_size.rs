use crate::processor::method::*;

/// No repeated n-grams: masks every token that would complete an n-gram that the context already holds.
///
/// For each n-gram of prompt and generated ids whose first n − 1 ids equal the last n − 1 of the context, its last id gets −∞.
/// Paulus, Xiong & Socher 2017; rule of transformers 5.
///
/// - `value`: n; disabling value 0. n = 1 masks every id of the context. A context shorter than n masks nothing.
///
/// ```
/// use tokpick::processor::{Chain, Context, no_repeat_ngram_size};
///
/// let cx = Context { context: &[1, 2, 3, 1], ..Context::default() };
/// let kept = Chain::new([no_repeat_ngram_size(2)?]).after(&cx, &[0.0; 4])?;
/// assert!(!kept.contains(2));
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn no_repeat_ngram_size(n: usize) -> Result<Stage> {
    stage(NoRepeatNgramSize { value: n })
}

pub(super) static INFO: Info = Info {
    name: "no_repeat_ngram_size",
    summary: "forbids tokens that would repeat an n-gram of prompt and generated ids",
    source: "Paulus, Xiong & Socher 2017",
    off: Off::Number(0.0),
    flags: &[Flag::value("no-repeat-ngram-size", Count).also(&["no_repeat_ngram_size"])],
    places: Places { hf: (Logits, 3), ..Places::GUEST_LOGITS },
    config: Config::Value,
    parse: read::<NoRepeatNgramSize>,
    ..Info::HISTORY
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoRepeatNgramSize {
    value: usize,
}

impl Method for NoRepeatNgramSize {
    const INFO: &'static Info = &INFO;

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        mask_completions(c, cx.context, cx.context, self.value);
        Ok(())
    }
}

/// Masks the ids that follow, in `text`, a copy of the last n − 1 ids of `context`. Linear in the text, whatever n is.
pub(super) fn mask_completions(c: &mut Candidates, text: &[TokenId], context: &[TokenId], n: usize) {
    let from = n.checked_sub(1).and_then(|m| context.len().checked_sub(m));
    let Some(tail) = from.map(|from| &context[from..]) else { return };
    scratch::with(|Scratch { tally, ids, lengths, .. }| {
        followers(text, tail, lengths, ids);
        tally.distinct(ids, c.vocab());
        c.mask_each(&tally.ids);
    });
}

/// The ids that follow the copies of `tail` in `text` (Knuth, Morris & Pratt 1977). `border` is a buffer.
fn followers(text: &[TokenId], tail: &[TokenId], border: &mut Vec<u32>, followers: &mut Vec<TokenId>) {
    followers.clear();
    if tail.is_empty() {
        return followers.extend_from_slice(text);
    }
    // border[i]: how long the longest end of tail[..=i] is that is also its beginning
    border.clear();
    border.resize(tail.len(), 0);
    let step = |border: &[u32], mut matched: u32, id: TokenId| {
        while matched > 0 && tail[matched as usize] != id {
            matched = border[matched as usize - 1];
        }
        matched + u32::from(tail[matched as usize] == id)
    };
    for i in 1..tail.len() {
        border[i] = step(border, border[i - 1], tail[i]);
    }
    let mut matched = 0;
    for &id in text {
        if matched as usize == tail.len() {
            followers.push(id);
            matched = border[matched as usize - 1];
        }
        matched = step(border, matched, id);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The rule as it is written: every n-gram whose first n − 1 ids are the last ones of the context.
        #[test]
        fn finds_what_a_plain_search_finds(text in prop::collection::vec(0u32..3, 0..40), n in 1usize..6) {
            prop_assume!(text.len() >= n - 1);
            let tail = &text[text.len() - (n - 1)..];
            let plain: Vec<TokenId> = text.windows(n).filter(|g| g[..n - 1] == *tail).map(|g| g[n - 1]).collect();
            let (mut border, mut found) = (vec![7; 3], vec![7; 3]);
            followers(&text, tail, &mut border, &mut found);
            prop_assert_eq!(found, plain);
        }
    }
}
