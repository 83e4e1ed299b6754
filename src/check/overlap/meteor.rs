use std::collections::BTreeMap;

/// METEOR (Banerjee & Lavie 2005) with exact matches alone, as NLTK 3.10's `single_meteor_score` computes it; the best reference.
///
/// `(1 − ½ · (chunks / matches)³) · P·R / (0.9·P + 0.1·R)`, P = matches / length, R = matches / reference length. Matching runs from
/// the end of the text, each of its tokens to the last free one in the reference; chunks are runs that lie side by side in both.
///
/// ```
/// use tokpick::check::overlap::meteor;
/// assert!((meteor(&[38, 4, 2, 3], &[&[4, 2, 3]]) - 0.9498207885304659).abs() < 1e-15);
/// ```
pub fn meteor<T: Ord>(text: &[T], references: &[&[T]]) -> f64 {
    references.iter().map(|reference| single(text, reference)).fold(0.0, f64::max)
}

fn single<T: Ord>(text: &[T], reference: &[T]) -> f64 {
    let mut free: BTreeMap<&T, Vec<usize>> = BTreeMap::new();
    for (at, token) in reference.iter().enumerate() {
        free.entry(token).or_default().push(at);
    }
    let mut matches: Vec<(usize, usize)> = Vec::new();
    for (at, token) in text.iter().enumerate().rev() {
        matches.extend(free.get_mut(token).and_then(Vec::pop).map(|with| (at, with)));
    }
    if matches.is_empty() {
        return 0.0;
    }
    matches.reverse();
    let breaks = matches.windows(2).filter(|w| w[1].0 != w[0].0 + 1 || w[1].1 != w[0].1 + 1).count();
    let n = matches.len() as f64;
    let (precision, recall) = (n / text.len() as f64, n / reference.len() as f64);
    let mean = precision * recall / (0.9 * precision + 0.1 * recall);
    let fragmentation = (breaks + 1) as f64 / n;
    (1.0 - 0.5 * fragmentation.powi(3)) * mean
}
