//! The histogram as a picture and a page.

use super::{Counted, Histogram, Row};
use crate::render::Tokens;
use crate::render::kit::{Anchor, LETTER, MARGIN, Svg, clip, display_width, escape, html, share};

const ROW: f64 = 24.0;
/// The columns of share, exact probability, count and interval.
const NUMBERS: [f64; 4] = [60.0, 60.0, 60.0, 110.0];

impl Histogram {
    /// As SVG, `width` columns of text wide: of each outcome the share in which it came as a bar, on it the shares that chance allows,
    /// and its exact probability as a mark; `made` says how it was made.
    pub fn svg(&self, top: usize, tokens: Option<&Tokens>, width: usize, made: &str) -> String {
        picture(&self.counted(Some(top)), tokens, width, made)
    }

    /// As one self-contained page: a picture and a table of each sequence.
    pub fn html(&self, top: usize, tokens: Option<&Tokens>, width: usize, made: &str) -> String {
        let mut body = String::new();
        for counted in self.counted(Some(top)) {
            body += &html::figure(&picture(std::slice::from_ref(&counted), tokens, width, ""));
            let heads = [counted.noun(), "drawn", "exact", "count", "by chance"];
            let mut table = vec![heads.map(str::to_string).to_vec()];
            table.extend(counted.rows(tokens, "…").iter().map(|row| {
                let mark = if row.outside { " !" } else { "" };
                let [drawn, exact] = shares(row);
                vec![row.name.clone(), drawn, exact, row.count.to_string(), format!("{}{mark}", row.chance)]
            }));
            body += &html::table(&counted.title(), "lrrrr", &table);
            body += &format!("<p>{}</p>\n", escape(&counted.words()));
        }
        html::page("What came in many draws", &body, made)
    }
}

/// The share in which it came, and its probability.
fn shares(row: &Row) -> [String; 2] {
    let exact = row.prob.map_or("-".to_string(), |p| share(p).trim_start().to_string());
    [share(row.drawn).trim_start().to_string(), exact]
}

fn picture(all: &[Counted], tokens: Option<&Tokens>, width: usize, made: &str) -> String {
    let whole = (width as f64 * LETTER + 2.0 * MARGIN).max(640.0);
    let titles: Vec<String> = all.iter().map(Counted::title).collect();
    let mut svg = Svg::new(
        "What came in many draws",
        &format!("{}. Shares as bars, with exact probabilities and what chance allows.", titles.join("; ")),
    );
    let mut y = MARGIN + 14.0;
    for counted in all {
        y = one(&mut svg, counted, tokens, whole, y) + 2.0 * ROW;
    }
    svg.finish_with(whole, y - ROW, made)
}

/// Draws what came of a sequence, its title at `y`; hands back where it ends.
fn one(svg: &mut Svg, counted: &Counted, tokens: Option<&Tokens>, whole: f64, mut y: f64) -> f64 {
    let rows = counted.rows(tokens, "…");
    svg.text(MARGIN, y, Anchor::Start, "tp-head", &counted.title());
    let names = rows.iter().map(|row| display_width(&row.name)).max().unwrap_or(0).clamp(8, 28);
    let from = MARGIN + names as f64 * LETTER + 16.0;
    let to = whole - MARGIN - 24.0 - NUMBERS.iter().sum::<f64>();
    let right = |n: usize| to + NUMBERS[..=n].iter().sum::<f64>();
    y += ROW * 1.2;
    svg.text(MARGIN, y, Anchor::Start, "tp-soft", counted.noun());
    for (n, head) in ["drawn", "exact", "count", "by chance"].iter().enumerate() {
        svg.text(right(n), y, Anchor::End, "tp-soft", head);
    }
    let n = counted.samples as f64;
    let highest = |row: &Row| row.interval.map_or(0.0, |(_, high)| high as f64 / n);
    let most = rows.iter().map(highest).fold(Counted::scale(&rows), f64::max);
    let at = |share: f64| from + share / most * (to - from);
    for row in &rows {
        y += ROW;
        let ink = if row.sum { "tp-soft" } else { "" };
        svg.text(MARGIN, y, Anchor::Start, ink, &clip(&row.name, names));
        if row.drawn > 0.0 && !row.sum {
            svg.rect(from, y - 12.0, (at(row.drawn) - from).max(1.0), 10.0, "tp-bar");
        }
        if let Some((low, high)) = row.interval {
            let (low, high) = (at(low as f64 / n), at(high as f64 / n));
            svg.line((low, y + 2.0), (high, y + 2.0), "tp-axis");
            [low, high].iter().for_each(|&x| svg.line((x, y - 1.0), (x, y + 5.0), "tp-axis"));
        }
        if let Some(p) = row.prob.filter(|_| !row.sum) {
            svg.line((at(p), y - 14.0), (at(p), y + 5.0), "tp-stroke tp-s1");
        }
        let [drawn, exact] = shares(row);
        let class = if row.outside { "tp-chosen" } else { ink };
        for (n, text) in [drawn, exact, row.count.to_string(), row.chance.clone()].iter().enumerate() {
            svg.text(right(n), y, Anchor::End, class, text);
        }
        if row.outside {
            svg.text(right(3) + 8.0, y, Anchor::Start, "tp-chosen", "!");
        }
    }
    let words = format!(
        "bar: how often it came; upright line: its exact probability; whisker: what chance allows. {}",
        counted.words()
    );
    svg.small(MARGIN, y + ROW, whole - 2.0 * MARGIN, &words)
}
