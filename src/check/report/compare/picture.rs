//! As a picture.

use super::text::{distinct, means, unchanged, value};
use super::{Comparison, cell};
use crate::check::{Compared, Measure};
use crate::render::kit::{Anchor, Digits, LETTER, MARGIN, SMALL, Svg, clip, display_width};

/// The measures of a picture; a table has all.
const SHOWN: [&str; 8] =
    ["logprob", "perplexity", "entropy", "kept", "distinct_2", "as_greedy", "bleu", "rouge_l"];
/// Those whose curves are drawn.
const CURVES: [&str; 4] = ["entropy", "kept", "distinct_2", "perplexity"];

impl Comparison<'_> {
    /// As SVG: bars for each setting, with their intervals; of a sweep curves, of two a map for each measure.
    pub fn svg(&self, width: usize) -> String {
        match self.swept()[..] {
            [] => self.bars(width),
            [name] => self.charts(name),
            [rows, columns, ..] => self.maps(rows, columns),
        }
    }

    fn chosen(&self, keys: &[&str]) -> Vec<&'static Measure> {
        self.measures().into_iter().filter(|m| keys.contains(&m.key)).collect()
    }

    fn bars(&self, width: usize) -> String {
        let measures = self.chosen(&SHOWN);
        let left = self.settings.iter().map(|s| display_width(&s.name)).max().unwrap_or(0).clamp(8, 40)
            as f64
            * LETTER
            + 16.0;
        let cells = self
            .settings
            .iter()
            .flat_map(|s| measures.iter().map(|m| display_width(&cell(m, s.measures.get(m.key)))));
        let widest = cells.max().unwrap_or(0) as f64 * LETTER + 16.0;
        let column =
            ((width as f64 * 8.0 - left) / measures.len().max(1) as f64).clamp(112.0, 170.0).max(widest);
        let whole = (2.0 * MARGIN + left + column * measures.len() as f64).max(480.0);
        let names: Vec<&str> = self.settings.iter().map(|s| s.name.as_str()).collect();
        let mut svg =
            Svg::new("Strategies side by side", &format!("Measures of {} as bars.", names.join("; ")));
        let x = |m: usize| MARGIN + left + m as f64 * column;
        let mut y = MARGIN + 14.0;
        svg.text(MARGIN, y, Anchor::Start, "tp-head", "strategy");
        for (m, measure) in measures.iter().enumerate() {
            svg.text(x(m), y, Anchor::Start, "tp-head", measure.heading);
        }
        for (row, setting) in self.settings.iter().enumerate() {
            y += 30.0;
            svg.text(MARGIN, y, Anchor::Start, "", &clip(&setting.name, 40));
            for (m, measure) in measures.iter().enumerate() {
                let means = self.settings.iter().filter_map(|s| s.measures.get(measure.key));
                let far = means.flat_map(|m| [Some(m.mean), m.low, m.high].into_iter().flatten());
                let most = far.map(f64::abs).fold(1e-12, f64::max);
                let room = column - 16.0;
                if let Some(mean) = setting.measures.get(measure.key) {
                    let length = |v: f64| (v.abs() / most).min(1.0) * room;
                    svg.rect(
                        x(m),
                        y + 4.0,
                        length(mean.mean).max(1.0),
                        6.0,
                        &format!("tp-fill tp-s{}", row % 8),
                    );
                    if let (Some(low), Some(high)) = (mean.low, mean.high) {
                        svg.line((x(m) + length(low), y + 7.0), (x(m) + length(high), y + 7.0), "tp-axis");
                    }
                }
                svg.text(x(m), y, Anchor::Start, "", &cell(measure, setting.measures.get(measure.key)));
            }
            y += 24.0;
            let text = clip(&self.first_text(setting), ((whole - 2.0 * MARGIN) / SMALL) as usize);
            svg.text(MARGIN, y, Anchor::Start, "tp-small", &text);
        }
        self.end(svg, whole, y)
    }

    fn end(&self, svg: Svg, whole: f64, y: f64) -> String {
        svg.finish_with(whole, y + 32.0, self.made)
    }

    fn charts(&self, name: &str) -> String {
        let (curves, measures) = (self.curves(), self.chosen(&CURVES));
        let (w, h) = (360.0, 220.0);
        let whole = 2.0 * (w + MARGIN) + MARGIN;
        let mut svg = Svg::new(
            &format!("A sweep of {name}"),
            &format!("Curves over {name}, one for each of {} settings.", curves.len()),
        );
        let mut y = MARGIN + 14.0;
        for (at, (rest, _)) in curves.iter().enumerate() {
            svg.line((MARGIN, y - 4.0), (MARGIN + 44.0, y - 4.0), &format!("tp-curve tp-s{}", at % 8));
            svg.text(MARGIN + 52.0, y, Anchor::Start, "", &clip(rest, 80));
            y += 20.0;
        }
        // a flat curve tells no more than its value
        let (flat, measures): (Vec<&Measure>, Vec<&Measure>) =
            measures.into_iter().partition(|measure| flat(measure, &curves).is_some());
        for (m, measure) in measures.iter().enumerate() {
            let (left, top) = (MARGIN + (m % 2) as f64 * (w + MARGIN), y + (m / 2) as f64 * (h + 34.0));
            chart(&mut svg, name, measure, &curves, (left, top), (w, h));
        }
        y += measures.len().div_ceil(2) as f64 * (h + 34.0);
        for values in flat.iter().filter_map(|measure| flat_words(measure, &curves)) {
            y = svg.small(MARGIN, y, whole - 2.0 * MARGIN, &values) + 16.0;
        }
        self.end(svg, whole, y - 20.0)
    }

    fn maps(&self, rows: &str, columns: &str) -> String {
        let mut svg = Svg::new(
            &format!("A sweep of {rows} and {columns}"),
            &format!("Maps: {rows} down, {columns} across."),
        );
        let (cell_w, cell_h) = (64.0, 24.0);
        let (mut y, mut whole): (f64, f64) = (MARGIN + 14.0, 480.0);
        for (rest, all) in self.curves() {
            let (down, across) = (distinct(&all, 0), distinct(&all, 1));
            whole = whole.max(2.0 * MARGIN + 110.0 + across.len() as f64 * cell_w);
            for measure in self.chosen(&CURVES) {
                let values = means(&all, measure);
                if let Some(value) = unchanged(&values) {
                    let what =
                        format!("{} · {rest} · unchanged: {value:.*}", measure.heading, measure.digits);
                    whole = whole.max(2.0 * MARGIN + display_width(&what) as f64 * LETTER);
                    svg.text(MARGIN, y, Anchor::Start, "tp-head", &what);
                    y += 40.0;
                    continue;
                }
                let title = format!("{} · {rest} · {rows} down, {columns} across", measure.heading);
                whole = whole.max(2.0 * MARGIN + display_width(&title) as f64 * LETTER);
                svg.text(MARGIN, y, Anchor::Start, "tp-head", &title);
                y += 20.0;
                for (c, column) in across.iter().enumerate() {
                    svg.text(MARGIN + 160.0 + c as f64 * cell_w, y, Anchor::Middle, "tp-soft", column);
                }
                let known = || values.iter().copied().filter(|v| v.is_finite());
                let (low, high) = known().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
                for row in &down {
                    y += cell_h;
                    svg.text(MARGIN + 110.0, y, Anchor::End, "tp-soft", row);
                    for (c, column) in across.iter().enumerate() {
                        let own = all
                            .iter()
                            .zip(&values)
                            .find(|(s, _)| value(s, 0) == *row && value(s, 1) == *column);
                        let Some((_, v)) = own.filter(|(_, v)| v.is_finite()) else { continue };
                        let part = if high > low { (v - low) / (high - low) } else { 0.0 };
                        let left = MARGIN + 128.0 + c as f64 * cell_w;
                        svg.shaded(
                            left,
                            y - 16.0,
                            cell_w - 2.0,
                            cell_h - 2.0,
                            "tp-bar",
                            Some(0.08 + 0.42 * part),
                            "",
                        );
                        svg.text(
                            left + cell_w / 2.0,
                            y,
                            Anchor::Middle,
                            "",
                            &format!("{v:.*}", measure.digits),
                        );
                    }
                }
                y += 40.0;
            }
        }
        self.end(svg, whole, y - 40.0)
    }
}

/// The value of each curve, where a measure changes along none.
fn flat(measure: &Measure, curves: &[(String, Vec<&Compared>)]) -> Option<Vec<f64>> {
    curves.iter().map(|(_, curve)| unchanged(&means(curve, measure))).collect()
}

/// The same in words: `kept unchanged: 5.0 (top-k 5), 40.0 (top-k 40)`.
fn flat_words(measure: &Measure, curves: &[(String, Vec<&Compared>)]) -> Option<String> {
    let values = flat(measure, curves)?;
    let one = |(value, (name, _)): (&f64, &(String, _))| match curves.len() {
        1 => format!("{value:.*}", measure.digits),
        _ => format!("{value:.*} ({name})", measure.digits),
    };
    let values: Vec<String> = values.iter().zip(curves).map(one).collect();
    Some(format!("{} unchanged: {}", measure.heading, values.join(", ")))
}

/// The curves of one measure.
fn chart(
    svg: &mut Svg,
    name: &str,
    measure: &Measure,
    curves: &[(String, Vec<&Compared>)],
    (left, top): (f64, f64),
    (w, h): (f64, f64),
) {
    let xs =
        |curve: &[&Compared]| curve.iter().filter_map(|s| s.swept.first().map(|v| v.1)).collect::<Vec<f64>>();
    let all_x = || curves.iter().flat_map(|(_, curve)| xs(curve));
    let all_y = || curves.iter().flat_map(|(_, curve)| means(curve, measure)).filter(|v| v.is_finite());
    let (x0, x1) = all_x().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
    let (y0, y1) = all_y().fold((0.0f64, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
    svg.text(left, top + 12.0, Anchor::Start, "tp-head", measure.heading);
    svg.text(
        left + w,
        top + 12.0,
        Anchor::End,
        "tp-small",
        &clip(measure.meaning.split([':', ',']).next().unwrap_or(""), 42),
    );
    if y0 > y1 {
        return;
    }
    let (from, to, base, ceiling) = (left + 48.0, left + w - 8.0, top + h - 22.0, top + 28.0);
    let at_x = |x: f64| from + if x1 > x0 { (x - x0) / (x1 - x0) } else { 0.5 } * (to - from);
    let at_y = |y: f64| base - if y1 > y0 { (y - y0) / (y1 - y0) } else { 0.5 } * (base - ceiling);
    for part in [0.0, 0.5, 1.0] {
        let (x, y) = (x0 + part * (x1 - x0), y0 + part * (y1 - y0));
        svg.line((from, at_y(y)), (to, at_y(y)), "tp-line");
        svg.text(from - 6.0, at_y(y) + 4.0, Anchor::End, "tp-small", &format!("{y:.*}", measure.digits));
        let (anchor, text) = match part {
            0.0 => (Anchor::Start, Digits::Six.write(x)),
            1.0 => (Anchor::End, Digits::Six.write(x)),
            _ => (Anchor::Middle, clip(name, 30)),
        };
        svg.text(at_x(x), base + 16.0, anchor, "tp-small", &text);
    }
    for (at, (_, curve)) in curves.iter().enumerate() {
        let points: Vec<(f64, f64)> = xs(curve)
            .into_iter()
            .zip(means(curve, measure))
            .filter(|(_, y)| y.is_finite())
            .map(|(x, y)| (at_x(x), at_y(y)))
            .collect();
        svg.polyline(&points, &format!("tp-curve tp-s{}", at % 8));
        for (x, y) in points {
            svg.circle(x, y, 2.5, &format!("tp-fill tp-s{}", at % 8));
        }
    }
}
