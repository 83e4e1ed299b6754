//! Bars of block elements.

/// The eighths of a cell, from one to seven.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
/// The eighths of a cell's height.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// What stands for them in ASCII.
const ASCII_HEIGHTS: [char; 8] = ['_', '.', ',', '-', '=', '+', '*', '#'];

/// A bar of `cells` columns where `share` is 1, in eighths of a column (halves in ASCII). What is above 0 is seen.
///
/// ```
/// use tokpick::render::kit::bar;
/// assert_eq!(bar(0.5, 5, false), "██▌");
/// assert_eq!(bar(1e-9, 5, false), "▏");
/// assert_eq!(bar(0.5, 5, true), "##-");
/// assert_eq!(bar(0.0, 5, false), "");
/// ```
pub fn bar(share: f64, cells: usize, ascii: bool) -> String {
    if share.is_nan() || share <= 0.0 {
        return String::new();
    }
    let parts = if ascii { 2.0 } else { 8.0 };
    let length = ((share.min(1.0) * cells as f64 * parts).round()).max(1.0) as usize;
    let (whole, rest) = (length / parts as usize, length % parts as usize);
    let full = if ascii { "#" } else { "█" };
    let mut drawn = full.repeat(whole);
    match (rest, ascii) {
        (0, _) => {}
        (_, true) => drawn.push('-'),
        (eighths, false) => drawn.push(EIGHTHS[eighths - 1]),
    }
    drawn
}

/// A line of columns, one for each value, from 0 to the largest; at most `cells` of them (the mean of neighbours where there are
/// more). What is no number is a blank.
///
/// ```
/// use tokpick::render::kit::sparkline;
/// assert_eq!(sparkline(&[0.0, 1.0, 2.0], 10, false), "▁▅█");
/// ```
pub fn sparkline(values: &[f64], cells: usize, ascii: bool) -> String {
    let cells = cells.min(values.len());
    let most = values.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max);
    let heights = if ascii { ASCII_HEIGHTS } else { HEIGHTS };
    let mean = |of: &[f64]| {
        let known: Vec<f64> = of.iter().copied().filter(|v| v.is_finite()).collect();
        known.iter().sum::<f64>() / known.len() as f64
    };
    (0..cells)
        .map(|c| mean(&values[c * values.len() / cells..(c + 1) * values.len() / cells]))
        .map(|v| match v.is_nan() {
            true => ' ',
            false if most <= 0.0 => heights[0],
            false => heights[(v / most * 7.0).round().clamp(0.0, 7.0) as usize],
        })
        .collect()
}
