use super::{Scope, Window, window};
use crate::processor::method::*;

/// DRY ("don't repeat yourself"): a token that would continue a repetition gets less probable, exponentially in its length.
///
/// Where the end of the window also occurs earlier in it, over r tokens, the token that followed there gets
/// `score ← score − multiplier · base^(r − allowed_length)` if r ≥ allowed_length; of several places the longest r counts. p-e-w
/// 2024, *DRY: A modern repetition penalty*; the rule is that of llama.cpp.
///
/// - `multiplier`: finite; disabling value 0; below 0 rewards repetition.
/// - `base`: at least 1 (default 1.75); below 1 it is off, as in llama.cpp. The exponent stops where base^exponent would leave f32.
/// - `allowed_length`: repetitions shorter than this are free (default 2).
/// - `last_n`: how many of the newest ids of prompt and generated tokens are searched; −1 (default) all, 0 none.
/// - `breakers`: lists of ids (default none). A repetition never reaches back over one, and a breaker of one id is not penalised.
///
/// llama.cpp's default breakers are strings (newline, colon, quote, asterisk), which a tokenizer turns into lists of ids. Linear in
/// the window, by the Z-function.
///
/// ```
/// use tokpick::processor::{Chain, Context, dry};
///
/// let cx = Context { context: &[0, 1, 2, 3, 0, 1, 2], ..Context::default() };
/// let kept = Chain::new([dry(1.0, 2.0, 2, -1, vec![])?]).after(&cx, &[0.0; 4])?;
/// assert_eq!(kept.score(3), Some(-2.0)); // 0 1 2 came before: r = 3
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// A multiplier or base that is not finite, a negative base, `last_n` below −1, an empty breaker.
pub fn dry(
    multiplier: f64,
    base: f64,
    allowed_length: usize,
    last_n: i64,
    mut breakers: Vec<Vec<TokenId>>,
) -> Result<Stage> {
    breakers.sort();
    stage(Dry { multiplier, base, allowed_length, last_n, breakers })
}

pub(super) static INFO: Info = Info {
    name: "dry",
    summary: "lowers tokens that would continue a repetition, exponentially in its length",
    source: "p-e-w 2024; llama.cpp",
    off: Off::Number(0.0),
    flags: &[
        Flag::of("dry-multiplier", "multiplier", Number, ""),
        Flag::of("dry-base", "base", Number, "Base of DRY's exponential (default 1.75)"),
        Flag::of(
            "dry-allowed-length",
            "allowed_length",
            Count,
            "Longest repetition that DRY lets pass (default 2)",
        ),
        Flag::of(
            "dry-last-n",
            "last_n",
            Integer,
            "How many of the newest ids DRY looks at: -1 all (default), 0 none",
        )
        .also(&["dry-penalty-last-n"]),
        Flag::of("dry-breakers", "breakers", IdLists, "Sequences that no repetition reaches across, for DRY")
            .also(&["dry-sequence-breaker"]),
    ],
    places: Places { llama_cpp: (Logits, 4), ..Places::GUEST_LOGITS },
    parse: read::<Dry>,
    ..Info::HISTORY
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dry {
    multiplier: f64,
    #[serde(default = "base")]
    base: f64,
    #[serde(default = "allowed_length")]
    allowed_length: usize,
    #[serde(default = "window::all")]
    last_n: i64,
    /// By ascending first id.
    #[serde(default, deserialize_with = "param::lists")]
    breakers: Vec<Vec<TokenId>>,
}

fn base() -> f64 {
    1.75
}

fn allowed_length() -> usize {
    2
}

impl Dry {
    fn window(&self) -> Result<Window> {
        Window::new(self.last_n, Scope::All)
    }

    /// The breakers that begin with an id.
    fn breakers_at(&self, first: TokenId) -> &[Vec<TokenId>] {
        let from = self.breakers.partition_point(|b| b[0] < first);
        let len = self.breakers[from..].partition_point(|b| b[0] == first);
        &self.breakers[from..from + len]
    }

    /// How far back a repetition may reach: to the newest breaker.
    fn limit(&self, w: &[TokenId]) -> usize {
        // one bit for each residue of a first id: passes over nearly every place without a search
        let firsts = self.breakers.iter().fold(0u64, |bits, b| bits | 1 << (b[0] % 64));
        for (i, &id) in w.iter().rev().enumerate() {
            if firsts >> (id % 64) & 1 == 0 {
                continue;
            }
            let after = &w[w.len() - i..];
            let others = self.breakers_at(id).iter().map(|b| &b[1..]).filter(|rest| after.starts_with(rest));
            if let Some(longest) = others.map(<[TokenId]>::len).max() {
                return i - longest;
            }
        }
        w.len()
    }

    /// What a token loses that would continue a repetition of so many tokens.
    fn penalty(&self, id: TokenId, repeated: usize) -> f64 {
        if self.breakers_at(id).iter().any(|b| b.len() == 1) {
            return 0.0;
        }
        let mut exponent = (repeated - self.allowed_length) as u64;
        if self.base > 1.000_001 {
            exponent = exponent.min((F32_MAX_LN / kernel::ln(self.base)) as u64);
        }
        param::finite(self.multiplier * param::power(self.base, exponent))
    }
}

/// ln of the largest f32, as llama.cpp writes it.
const F32_MAX_LN: f64 = 88.722_839_1;

/// Calls `each` with (follower, repeated) for every earlier place of `w` where the end of `w` occurs too. `back` and `z` are
/// buffers.
fn repetitions(
    w: &[TokenId],
    limit: usize,
    back: &mut Vec<TokenId>,
    z: &mut Vec<u32>,
    mut each: impl FnMut(TokenId, usize),
) {
    // the Z-function of w read backwards: z[j] ids before place n − j equal the last ones of w
    back.clear();
    back.extend(w.iter().rev());
    let Some(&last) = back.first() else { return };
    z.clear();
    z.resize(back.len(), 0);
    let (mut left, mut right) = (0, 0);
    let mut j = 1;
    while j < back.len() {
        // most places of a text don't even hold the last id
        let unlike = if j < right { 0 } else { back[j..].iter().take_while(|&&id| id != last).count() };
        for &follower in &back[j - 1..j - 1 + unlike] {
            each(follower, 0);
        }
        j += unlike;
        if j == back.len() {
            break;
        }
        let known = if j < right { (z[j - left] as usize).min(right - j) } else { 0 };
        let more = back[known..].iter().zip(&back[j + known..]).take_while(|(a, b)| a == b).count();
        let k = known + more;
        z[j] = k as u32;
        if j + k > right {
            (left, right) = (j, j + k);
        }
        each(back[j - 1], k.min(limit));
        j += 1;
    }
}

impl Method for Dry {
    const INFO: &'static Info = &INFO;

    fn check(&self) -> Result<()> {
        let finite = self.multiplier.is_finite();
        param::check("dry multiplier", self.multiplier, finite, "a finite number (0 is off)")?;
        let fits = self.base >= 0.0 && self.base.is_finite();
        param::check("dry base", self.base, fits, "a finite number, 1 or more (below 1 is off)")?;
        let fit = self.breakers.iter().all(|b| !b.is_empty());
        param::check("dry breakers", "[]", fit, "lists of at least one id")?;
        self.window().map(|_| ())
    }

    fn is_off(&self) -> bool {
        self.multiplier == 0.0 || self.base < 1.0 || self.last_n == 0
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        for breaker in &self.breakers {
            param::inside("dry breakers", breaker, c.vocab())?;
        }
        let window = self.window()?;
        let w = window.ids(cx);
        let limit = self.limit(w);
        if w.len() <= self.allowed_length || limit < self.allowed_length {
            return Ok(());
        }
        scratch::with(|Scratch { tally, ids, numbers, scores, history, lengths, .. }| {
            ids.clear();
            numbers.clear();
            repetitions(w, limit, history, lengths, |follower, repeated| {
                if repeated >= self.allowed_length {
                    ids.push(follower);
                    numbers.push(u32::try_from(repeated).unwrap_or(u32::MAX));
                }
            });
            tally.largest(ids, numbers, c.vocab());
            scores.clear();
            scores.extend(tally.ids.iter().zip(&tally.numbers).map(|(&id, &r)| self.penalty(id, r as usize)));
            c.edit_with(&tally.ids, scores, |penalty, s| s - penalty);
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The rule as it is written: the longest common suffix of the window up to a place, and the window.
        #[test]
        fn finds_what_a_plain_search_finds(w in prop::collection::vec(0u32..3, 1..40), limit in 0usize..9) {
            let n = w.len();
            let mut plain: Vec<_> = (0..n - 1)
                .map(|e| {
                    let k = (0..=e).take_while(|&k| w[e - k] == w[n - 1 - k]).count();
                    (w[e + 1], k.min(limit))
                })
                .collect();
            plain.reverse();
            let mut found = Vec::new();
            repetitions(&w, limit, &mut vec![7; 3], &mut vec![7; 3], |id, k| found.push((id, k)));
            prop_assert_eq!(found, plain);
        }
    }

    fn id() -> impl Strategy<Value = TokenId> {
        // some of one residue modulo 64
        prop::sample::select(vec![0, 1, 2, 64, 65, 192])
    }

    proptest! {
        /// The newest place where a breaker begins; of several that begin there the longest.
        #[test]
        fn reaches_back_to_the_newest_breaker(
            w in prop::collection::vec(id(), 0..12),
            mut breakers in prop::collection::vec(prop::collection::vec(id(), 1..4), 0..5),
        ) {
            let begins = |at: usize| breakers.iter().filter(|b| w[at..].starts_with(b)).map(Vec::len).max();
            let plain = (0..w.len()).rev().find_map(|at| begins(at).map(|len| w.len() - at - len));
            let plain = plain.unwrap_or(w.len());
            breakers.sort();
            let dry = Dry { multiplier: 1.0, base: 2.0, allowed_length: 0, last_n: -1, breakers };
            prop_assert_eq!(dry.limit(&w), plain);
            for id in [0, 1, 2, 64, 65, 192] {
                let spared = dry.breakers.contains(&vec![id]);
                prop_assert_eq!(dry.penalty(id, 3), if spared { 0.0 } else { 8.0 });
            }
        }
    }

    /// Linear: were every place compared anew, these would take minutes.
    #[test]
    fn long_repetitions_cost_their_length() {
        let n = 400_000;
        for period in [1, 2, 3] {
            let w: Vec<TokenId> = (0..n as TokenId).map(|i| i % period).collect();
            let mut sum = 0;
            repetitions(&w, n, &mut Vec::new(), &mut Vec::new(), |_, k| sum += k);
            // the place j before the end repeats n − j ids where j is a multiple of the period, else none
            let period = period as usize;
            assert_eq!(sum, (1..n).filter(|j| j.is_multiple_of(period)).map(|j| n - j).sum::<usize>());
        }
    }
}
