//! Inverse CDF where an engine adds in an order of its own: quicker sums decide wherever its roundings can't.

use crate::kernel::SPAN;

/// The first token whose running mass is above (or, which is the same here, at least) `share` of all, if it stays so when every running mass
/// and the whole are wrong by `error` of the whole; `None` leaves it to the engine's own arithmetic.
///
/// `weights` puts those of a span of tokens in their place and returns their sum. `starts` is working space.
pub(in crate::engine) fn pick(
    tokens: usize,
    share: f64,
    error: f64,
    starts: &mut Vec<f64>,
    mut weights: impl FnMut(std::ops::Range<usize>, &mut [f64]) -> f64,
) -> Option<usize> {
    let mut some = [0.0; SPAN];
    let mut of = |span: usize, some: &mut [f64; SPAN]| {
        let range = span * SPAN..tokens.min((span + 1) * SPAN);
        let n = range.len();
        (weights(range, &mut some[..n]), n)
    };
    let mut total = 0.0;
    starts.clear();
    for span in 0..tokens.div_ceil(SPAN) {
        starts.push(total);
        total += of(span, &mut some).0;
    }
    let (target, slack) = (share * total, error * total);
    let span = starts.partition_point(|&start| start <= target).checked_sub(1)?;
    let (_, n) = of(span, &mut some);
    let mut low = starts[span];
    for (i, weight) in some[..n].iter().enumerate() {
        let high = low + weight;
        if high > target {
            return (low + slack < target && target + slack < high).then_some(span * SPAN + i);
        }
        low = high;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_certain_is_picked() {
        let weights: Vec<f64> =
            (0..1000).map(|i| if i % 7 == 3 { 0.0 } else { f64::from(i % 13) + 0.5 }).collect();
        let total: f64 = weights.iter().sum();
        let of = |range: std::ops::Range<usize>, out: &mut [f64]| {
            out.copy_from_slice(&weights[range]);
            out.iter().sum()
        };
        let (mut starts, mut sum, mut certain) = (Vec::new(), 0.0, 0);
        for (i, weight) in weights.iter().enumerate() {
            for (part, sure) in [(0.0, false), (1e-7, false), (0.3, true), (0.7, true), (1.0 - 1e-7, false)] {
                let picked = pick(weights.len(), (sum + part * weight) / total, 1e-9, &mut starts, of);
                let expected = (sure && *weight > 0.0).then_some(i);
                assert_eq!(picked, expected, "{i} {part}");
                certain += usize::from(picked.is_some());
            }
            sum += weight;
        }
        assert!(certain > 1500);
        assert_eq!(pick(0, 0.5, 1e-9, &mut starts, of), None);
        assert_eq!(pick(1000, 1.0, 1e-9, &mut starts, of), None);
        assert_eq!(pick(1000, f64::NAN, 1e-9, &mut starts, of), None);
    }
}
