use std::collections::BTreeSet;

/// distinct-n (Li et al. 2016): different n-grams / all n-grams, over all samples together; `None` where there is no n-gram.
///
/// ```
/// use tokpick::check::overlap::distinct;
/// assert_eq!(distinct(&[&[1, 1, 2], &[1, 2]], 1), Some(0.4));
/// ```
pub fn distinct<T: Ord>(samples: &[&[T]], n: usize) -> Option<f64> {
    let n = n.max(1);
    let different: BTreeSet<&[T]> = samples.iter().flat_map(|s| s.windows(n)).collect();
    let all: usize = samples.iter().map(|s| (s.len() + 1).saturating_sub(n)).sum();
    (all > 0).then(|| different.len() as f64 / all as f64)
}

/// rep-n (Welleck et al. 2020): 1 − different n-grams / all n-grams of one sequence; `None` where there is no n-gram.
///
/// ```
/// use tokpick::check::overlap::repetition;
/// assert_eq!(repetition(&[1, 2, 1, 2, 1], 2), Some(0.5));
/// ```
pub fn repetition<T: Ord>(sequence: &[T], n: usize) -> Option<f64> {
    distinct(&[sequence], n).map(|share| 1.0 - share)
}
