//! Why two sides differ: what the pattern of the differences looks like.

use super::align::{Aligned, Token};
use super::fit;
use super::likely::{CauseKind, LikelyCause, Side};

/// Fewer tokens tell nothing of a pattern.
const FEWEST: usize = 6;

/// Mean differences that need no cause: float32 arithmetic in another order makes them.
const NOISE: f64 = 1e-3;

/// A log-probability that is none.
fn is_marker(x: f64) -> bool {
    x <= -9990.0
}

/// A token's two numbers.
type Pair = (f64, f64);

fn difference(pairs: &[Pair]) -> f64 {
    pairs.iter().map(|(a, b)| (a - b).abs()).sum::<f64>() / pairs.len().max(1) as f64
}

fn pairs(sequences: &[Vec<Token>]) -> Vec<Pair> {
    sequences.iter().flatten().filter_map(|t| Some((t.of[0]?, t.of[1]?))).collect()
}

/// Takes out what one side masks and the other doesn't, and says how much there was.
pub(super) fn masked(aligned: &mut Aligned) {
    let mut masked = [0; 2];
    for token in aligned.sequences.iter_mut().flatten() {
        for i in [0, 1] {
            if token.of[i] == Some(f64::NEG_INFINITY) {
                masked[i] += usize::from(token.of[1 - i].is_some_and(f64::is_finite));
                token.of[i] = None;
            }
        }
    }
    for (side, n) in [(Side::A, masked[0]), (Side::B, masked[1])] {
        if n > 0 {
            let what = format!(
                "raw against processed: {n} tokens are masked in {side}, and possible on the other side: they are left out"
            );
            aligned.causes.push(LikelyCause::new(CauseKind::Processed, Some(side), what));
        }
    }
}

/// Takes filling out of the numbers, and says how much there was.
pub(super) fn filling(aligned: &mut Aligned) {
    for (i, side) in [Side::A, Side::B].into_iter().enumerate() {
        let all: Vec<Pair> = pairs(&aligned.sequences)
            .into_iter()
            .map(|(a, b)| if i == 0 { (a, b) } else { (b, a) })
            .collect();
        let (zeros, rest): (Vec<Pair>, Vec<Pair>) =
            all.iter().partition(|(x, other)| *x == 0.0 && *other < -1e-3);
        // one kept token has probability 1, too: but then the other side finds it likely, and the rest differs
        let is_fill = rest.len() >= zeros.len() && zeros.iter().any(|(_, other)| *other < -1.0)
            || (rest.len() >= FEWEST && difference(&rest) < NOISE);
        let (mut of_zeros, mut markers) = (0, 0);
        for token in aligned.sequences.iter_mut().flatten() {
            let Some(x) = token.of[i] else { continue };
            let other = token.of[1 - i];
            let zero = x == 0.0 && is_fill && other.is_some_and(|other| other < -1e-3);
            of_zeros += usize::from(zero);
            markers += usize::from(is_marker(x) && x.is_finite());
            if zero || is_marker(x) && x.is_finite() {
                token.of[i] = None;
            }
        }
        for (n, what) in [(of_zeros, "0"), (markers, "-9999 or the lowest number")] {
            if n > 0 {
                let what = format!(
                    "{n} numbers of {side} are filling ({what}), no log-probabilities: they are left out"
                );
                aligned
                    .causes
                    .push(LikelyCause::new(CauseKind::Filling, Some(side), what).with(Some(n as f64), None));
            }
        }
    }
}

/// Adds what the pattern of the differences points at; tokens of a shifted side are put where they belong.
pub(super) fn likely(aligned: &mut Aligned) {
    let all = pairs(&aligned.sequences);
    if all.len() < FEWEST {
        return;
    }
    if let Some(cause) = rounded_numbers(&all) {
        aligned.causes.push(cause);
        return;
    }
    if difference(&all) < NOISE {
        return;
    }
    if let Some(cause) = nothing_but_zeros(&all) {
        aligned.causes.push(cause);
        return;
    }
    if let Some(cause) = other_field(&aligned.sequences) {
        aligned.causes.push(cause);
        return;
    }
    if let Some((cause, shifted)) = shift(&aligned.sequences) {
        aligned.causes.push(cause);
        aligned.causes.extend(pattern(&shifted));
        return;
    }
    if let Some((cause, rest)) = lost_beginning(&aligned.sequences) {
        aligned.causes.push(cause);
        aligned.causes.extend(pattern(&rest));
        return;
    }
    if let Some(cause) = penalty(&aligned.sequences) {
        aligned.causes.push(cause);
        return;
    }
    let found = pattern(&all);
    if found.is_empty() {
        aligned.notes.extend(noise(&all));
    }
    aligned.causes.extend(found);
}

/// One side says 0 for every token: that is no number, or the only token that is left has them all.
fn nothing_but_zeros(all: &[Pair]) -> Option<LikelyCause> {
    let zero = |of: fn(&Pair) -> f64| all.iter().all(|p| of(p) == 0.0);
    let side = match (zero(|p| p.0), zero(|p| p.1)) {
        (true, false) => Side::A,
        (false, true) => Side::B,
        _ => return None,
    };
    let n = all.len();
    let what = format!(
        "all {n} numbers of {side} are 0: filling, no log-probabilities, or the processed ones of greedy decoding (one token is \
         kept, with probability 1)"
    );
    Some(LikelyCause::new(CauseKind::Filling, Some(side), what).with(Some(n as f64), None))
}

/// Numbers that bfloat16 or float16 hold exactly, on one side alone, and differences of no more than that.
fn rounded_numbers(all: &[Pair]) -> Option<LikelyCause> {
    // bits of the fraction, the leading one included
    for (name, bits) in [("bfloat16", 8), ("float16", 11)] {
        let is_short = |x: f64| x == 0.0 || x.is_finite() && (x * exponent(x, bits)).fract() == 0.0;
        let short = |of: fn(&Pair) -> f64| all.iter().all(|p| is_short(of(p)));
        let (a, b) = (short(|p| p.0), short(|p| p.1));
        if a == b {
            continue;
        }
        let side = if a { Side::A } else { Side::B };
        let step = |p: &Pair| 1.0 / exponent(if a { p.0 } else { p.1 }, bits);
        let within = all.iter().filter(|p| (p.0 - p.1).abs() <= 0.51 * step(p) + 1e-6).count();
        if all.iter().any(|p| p.0 != p.1) && 100 * within >= 99 * all.len() {
            let what =
                format!("the numbers of {side} are rounded to {name}: keep log-probabilities in float32");
            return Some(LikelyCause::new(CauseKind::Rounding, Some(side), what).with(None, Some(1.0)));
        }
    }
    None
}

/// One over the distance of neighbouring numbers of so many bits.
fn exponent(x: f64, bits: i32) -> f64 {
    let exponent = ((x.abs().to_bits() >> 52) & 0x7ff) as i32 - 1023;
    2f64.powi(bits - 1 - exponent)
}

/// The processed numbers of a side agree where its raw ones don't.
fn other_field(sequences: &[Vec<Token>]) -> Option<LikelyCause> {
    for (i, side) in [Side::A, Side::B].into_iter().enumerate() {
        let tokens =
            || sequences.iter().flatten().filter_map(|t| Some((t.processed[i]?, t.of[i]?, t.of[1 - i]?)));
        let raw: Vec<Pair> = tokens().map(|(_, own, other)| (own, other)).collect();
        let processed: Vec<Pair> = tokens().map(|(own, _, other)| (own, other)).collect();
        if processed.len() >= FEWEST && difference(&processed) < 0.1 * difference(&raw) {
            let other = if i == 0 { Side::B } else { Side::A };
            let what = format!(
                "raw against processed: the processed log-probabilities of {side} agree with {other}, its raw ones don't"
            );
            let explained = 1.0 - difference(&processed) / difference(&raw);
            return Some(
                LikelyCause::new(CauseKind::Processed, Some(other), what).with(None, Some(explained)),
            );
        }
    }
    None
}

/// The numbers agree better one token later or earlier; the pairs as they belong together come with it.
fn shift(sequences: &[Vec<Token>]) -> Option<(LikelyCause, Vec<Pair>)> {
    let moved = |later: bool| -> Vec<Pair> {
        let pair = |w: &[Token]| match later {
            true => Some((w[0].of[0]?, w[1].of[1]?)),
            false => Some((w[1].of[0]?, w[0].of[1]?)),
        };
        sequences.iter().flat_map(|s| s.windows(2).filter_map(pair)).collect()
    };
    let plain = difference(&pairs(sequences));
    let (later, earlier) = (moved(true), moved(false));
    let (is_later, best) =
        if difference(&later) < difference(&earlier) { (true, later) } else { (false, earlier) };
    let left = difference(&best);
    if best.len() < FEWEST || plain < 0.05 || left > 0.25 * plain {
        return None;
    }
    let side = if is_later { "later" } else { "earlier" };
    let what = format!("shifted by one: the numbers of A are those that B has one token {side}");
    let by = if is_later { 1.0 } else { -1.0 };
    Some((LikelyCause::new(CauseKind::Shifted, None, what).with(Some(by), Some(1.0 - left / plain)), best))
}

/// How many tokens count as a beginning.
const BEGINNING: usize = 3;

/// The first tokens differ much more than those behind them: one side has begun without the token that begins a text.
fn lost_beginning(sequences: &[Vec<Token>]) -> Option<(LikelyCause, Vec<Pair>)> {
    let part = |begins: bool| -> Vec<Pair> {
        let of = |s: &Vec<Token>| {
            s.iter().enumerate().filter(|(at, _)| (*at < BEGINNING) == begins).map(|(_, t)| *t).collect()
        };
        pairs(&sequences.iter().map(of).collect::<Vec<Vec<Token>>>())
    };
    let (head, rest) = (part(true), part(false));
    let (of_head, of_rest) = (difference(&head), difference(&rest));
    if head.is_empty() || rest.len() < 2 * FEWEST || of_head < 0.1 || of_head < 8.0 * of_rest {
        return None;
    }
    let what = format!(
        "the first {BEGINNING} tokens of a sequence differ by {of_head:.3} on average, the others by {of_rest:.2e}: one side has lost the \
         token that begins the text (BOS)"
    );
    let all = difference(&pairs(sequences));
    Some((LikelyCause::new(CauseKind::BosLost, None, what).with(None, Some(1.0 - of_rest / all)), rest))
}

/// Tokens that came before differ, new ones hardly do: a penalty on repetition.
fn penalty(sequences: &[Vec<Token>]) -> Option<LikelyCause> {
    let part = |repeated: bool| -> Vec<Pair> {
        let of = |t: &&Token| t.is_repeated == repeated && t.id.is_some();
        sequences.iter().flatten().filter(of).filter_map(|t| Some((t.of[0]?, t.of[1]?))).collect()
    };
    let (repeated, new) = (part(true), part(false));
    if repeated.len() < FEWEST || new.len() < FEWEST {
        return None;
    }
    let mean = |p: &[Pair]| p.iter().map(|(a, b)| a - b).sum::<f64>() / p.len() as f64;
    let (of_repeated, of_new) = (mean(&repeated), mean(&new));
    // what a penalty takes from some it gives to all others
    let opposed =
        of_repeated * of_new <= 0.0 && of_repeated.abs() > 0.1 && of_repeated.abs() > 4.0 * of_new.abs();
    let lower = repeated.iter().filter(|(a, b)| (a < b) == (of_repeated < 0.0)).count();
    if !opposed || 10 * lower < 9 * repeated.len() {
        return None;
    }
    let side = if of_repeated < 0.0 { Side::A } else { Side::B };
    let what = format!(
        "raw against processed: {side} has tokens that came before lower by {:.3} on average, new ones hardly: a penalty on repetition",
        of_repeated.abs()
    );
    Some(LikelyCause::new(CauseKind::Processed, Some(side), what))
}

/// A temperature, a restricted support, or both.
fn pattern(all: &[Pair]) -> Vec<LikelyCause> {
    if all.len() < FEWEST || difference(all) < NOISE {
        return Vec::new();
    }
    let swapped: Vec<Pair> = all.iter().map(|(a, b)| (*b, *a)).collect();
    let restricted = [(Side::A, all), (Side::B, &swapped[..])].into_iter().find(|(_, p)| is_above(p));
    let fit = fit::temperature(all);
    let certain = |p: &[Pair]| p.iter().filter(|(x, other)| *x > -1e-9 && *other < -0.01).count();
    if let Some((side, pairs)) = restricted
        // a temperature that sharpens puts the best tokens higher, too, but none of them to 1
        && (certain(pairs) > 0 || fit.explained < SHARPENED)
    {
        let mut cause = support(side, pairs);
        // one that sharpens
        let t = if side == Side::A { fit.temperature } else { 1.0 / fit.temperature };
        if certain(pairs) == 0 && fit.explained >= 0.35 && t < 0.98 {
            cause.what += &format!("; or a temperature of about {t:.2} there, which looks much the same");
        }
        return vec![cause];
    }
    if fit.explained >= 0.35 && (fit.temperature - 1.0).abs() > 0.02 {
        let (t, inverse) = (fit.temperature, 1.0 / fit.temperature);
        let what = format!(
            "a temperature on one side: A is as at {t:.2} where B is at 1 (or B at {inverse:.2} where A is at 1), estimated from the \
             tokens' log-probabilities alone"
        );
        let cause = LikelyCause::new(CauseKind::Temperature, None, what);
        let mut found = vec![cause.with(Some(t), Some(fit.explained))];
        for (side, pairs) in [(Side::A, all), (Side::B, &swapped[..])] {
            let n = certain(pairs);
            if n > 1 {
                let what = format!(
                    "raw against processed: {n} tokens have probability 1 in {side} alone, as the only ones that a truncation has kept"
                );
                found.push(LikelyCause::new(CauseKind::Processed, Some(side), what));
            }
        }
        return found;
    }
    Vec::new()
}

/// How much of the differences a sharpening temperature explains where the best token was taken; a restricted support less.
const SHARPENED: f64 = 0.66;

/// No number of the first side is below that of the second, and most are above.
fn is_above(pairs: &[Pair]) -> bool {
    let below = pairs.iter().filter(|(x, other)| x - other < -NOISE).count();
    let above = pairs.iter().filter(|(x, other)| x - other > NOISE).count();
    100 * below <= pairs.len() && 2 * above >= pairs.len()
}

fn support(side: Side, pairs: &[Pair]) -> LikelyCause {
    let kept: Vec<f64> = pairs.iter().map(|(x, other)| crate::kernel::exp(other - x)).collect();
    let least = kept.iter().copied().fold(1.0, f64::min);
    let mean = kept.iter().sum::<f64>() / kept.len() as f64;
    let what = format!(
        "a restricted support: {side} is normalised over the tokens that were kept (top-p, top-k, a mask), whose mass is {mean:.4} on \
         average and {least:.4} at least"
    );
    LikelyCause::new(CauseKind::RestrictedSupport, Some(side), what).with(Some(least), None)
}

/// Differences of the size that logits in bfloat16 make, and without outliers: any noise of that size looks so, and is no cause.
fn noise(all: &[Pair]) -> Option<String> {
    let mut sizes: Vec<f64> = all.iter().map(|(a, b)| (a - b).abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let (median, most) = (sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
    let mean = all.iter().map(|(a, b)| a - b).sum::<f64>() / all.len() as f64;
    let both_ways = mean.abs() <= 0.6 * median;
    if !(2e-3..=0.05).contains(&median) || most > 7.0 * median || !both_ways {
        return None;
    }
    Some(format!(
        "differences both ways, {median:.1e} in the median and {most:.1e} at most: noise of the size that logits in bfloat16 make; neither \
         side's numbers lie on bfloat16's grid, so what made it can't be told"
    ))
}
