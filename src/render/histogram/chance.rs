//! The counts that chance allows.

/// The central 95 % interval of a binomial count: `n` draws, each a hit with probability `p`. At most 2.5 % of such runs have fewer
/// hits than the first number, at most 2.5 % more than the second.
///
/// The probabilities are walked outward from the most probable count by their ratios, so that nothing under- or overflows.
///
/// ```
/// use tokpick::render::by_chance;
/// assert_eq!(by_chance(10, 0.5), (2, 8));
/// assert_eq!(by_chance(1000, 0.25), (223, 277));
/// assert_eq!((by_chance(5, 0.0), by_chance(5, 1.0), by_chance(0, 0.5)), ((0, 0), (5, 5), (0, 0)));
/// ```
pub fn by_chance(n: u64, p: f64) -> (u64, u64) {
    if n == 0 || p.is_nan() || p <= 0.0 {
        return (0, 0);
    }
    if p >= 1.0 {
        return (n, n);
    }
    let mode = (((n + 1) as f64 * p) as u64).min(n);
    let odds = p / (1.0 - p);
    // relative to the mode; what is smaller adds nothing
    const NOTHING: f64 = 1e-18;
    let up = std::iter::successors(Some((mode, 1.0)), |&(k, w)| {
        (k < n).then(|| (k + 1, w * odds * ((n - k) as f64 / (k + 1) as f64))).filter(|x| x.1 > NOTHING)
    });
    let down = std::iter::successors(Some((mode, 1.0)), |&(k, w)| {
        (k > 0).then(|| (k - 1, w / odds * (k as f64 / (n - k + 1) as f64))).filter(|x| x.1 > NOTHING)
    });
    let (up, down) = (up.collect::<Vec<_>>(), down.skip(1).collect::<Vec<_>>());
    let total: f64 = up.iter().chain(&down).map(|x| x.1).sum();
    // from the far end of a tail: the first count at which more than 2.5 % lie outside or at it
    let edge = |from: &mut dyn Iterator<Item = &(u64, f64)>| {
        let mut outside = 0.0;
        for (count, weight) in from {
            outside += weight;
            if outside > 0.025 * total {
                return *count;
            }
        }
        mode
    };
    (edge(&mut down.iter().rev().chain(&up)), edge(&mut up.iter().rev().chain(&down)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P(X ≤ k), by sums of products.
    fn below(n: u64, p: f64, k: u64) -> f64 {
        let term = |k: u64| {
            (0..k).map(|i| (n - i) as f64 / (k - i) as f64 * p).product::<f64>()
                * (1.0 - p).powi((n - k) as i32)
        };
        (0..=k).map(term).sum()
    }

    #[test]
    fn so_many_are_within() {
        for n in [1, 2, 7, 40, 200] {
            for p in [0.001, 0.03, 0.25, 0.5, 0.9, 0.999] {
                let (low, high) = by_chance(n, p);
                let under = |k: u64| if k == 0 { 0.0 } else { below(n, p, k - 1) };
                assert!(under(low) <= 0.025 && below(n, p, low) > 0.025, "{n} {p}: {low}");
                assert!(
                    below(n, p, high) >= 0.975 - 1e-12 && (high == 0 || under(high) < 0.975),
                    "{n} {p}: {high}"
                );
            }
        }
        assert_eq!(by_chance(u64::from(u32::MAX), 1e-300), (0, 0));
    }
}
