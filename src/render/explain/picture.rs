//! Steps as a picture.

use super::{Explained, FOOT, RACE, foot};
use crate::render::Tokens;
use crate::render::kit::{Anchor, LETTER, MARGIN, Svg, clip, display_width, share, token, wrap};

const ROW: f64 = 21.0;
const LEFT: f64 = 190.0;
/// The height of a line of a heading.
const HEAD: f64 = 16.0;

/// Steps as one SVG, `width` columns of text wide or as wide as the stages need; `foot` says how it was made.
pub fn svg(steps: &[Explained], tokens: Option<&Tokens>, width: usize, made: &str) -> String {
    let stages = steps.iter().map(|s| s.stages.len()).max().unwrap_or(1).max(1) as f64;
    let column = ((width as f64 * 8.0 - LEFT - 2.0 * MARGIN) / stages).clamp(140.0, 260.0);
    let titles = steps.iter().map(|s| display_width(&s.title())).max().unwrap_or(0) as f64 * LETTER;
    let whole = (LEFT + stages * column + 24.0).max(titles).max(450.0) + 2.0 * MARGIN;
    let title = match steps {
        [one] => one.title().replace('\u{a0}', " "),
        many => format!("{} steps", many.len()),
    };
    let words: Vec<String> = steps
        .iter()
        .map(|s| {
            let name = |id| format!("{id} {}", clip(&token(tokens, id), 24));
            format!("Step {}: {}.", s.step, s.draw.words(name))
        })
        .collect();
    let mut svg =
        Svg::new(&title, &format!("The probabilities after each stage, as bars. {}", words.join(" ")));
    let mut y = MARGIN + 14.0;
    for step in steps {
        y = one(&mut svg, step, tokens, column, whole, y) + 2.0 * ROW;
    }
    svg.finish_with(whole, y - ROW, made)
}

/// Draws a step whose title stands at `y`; hands back where it ends.
fn one(svg: &mut Svg, step: &Explained, tokens: Option<&Tokens>, column: f64, whole: f64, mut y: f64) -> f64 {
    let x = |stage: usize| MARGIN + LEFT + stage as f64 * column;
    let room = column - 16.0 - 48.0;
    let most = step.most();
    svg.text(MARGIN, y, Anchor::Start, "tp-head", &step.title().replace('\u{a0}', " "));
    if let Some(history) = step.history() {
        y += ROW;
        svg.text(MARGIN, y, Anchor::Start, "tp-small", &clip(&history, (whole / 7.0) as usize));
    }
    y += ROW * 1.5;
    svg.text(MARGIN, y, Anchor::Start, "tp-soft", "token");
    // a name that is too long for its column has its value in the line below
    let heads: Vec<Vec<String>> =
        step.stages.iter().map(|stage| wrap(&stage.name, (column / LETTER) as usize - 1)).collect();
    for (s, head) in heads.iter().enumerate() {
        for (at, line) in head.iter().enumerate() {
            svg.text(x(s), y + HEAD * at as f64, Anchor::Start, "tp-soft", line);
        }
    }
    y += HEAD * (heads.iter().map(Vec::len).max().unwrap_or(1) - 1) as f64;
    let cuts = step.cuts();
    let cell = |svg: &mut Svg, s: usize, y: f64, p: f64, class: &str| {
        let length = (p / most * room).max(1.0);
        svg.rect(x(s), y - 11.0, length, 13.0, class);
        svg.text(x(s) + room + 46.0, y, Anchor::End, "", share(p).trim_start());
    };
    for (row, shown) in step.tokens.iter().enumerate() {
        y += ROW;
        let chosen = shown.id == step.draw.id;
        let class = if chosen { "tp-chosen" } else { "" };
        if tokens.is_some() {
            svg.text(MARGIN, y, Anchor::Start, class, &clip(&token(tokens, shown.id), 15));
        }
        svg.text(
            MARGIN + LEFT - 24.0,
            y,
            Anchor::End,
            if chosen { class } else { "tp-soft" },
            &shown.id.to_string(),
        );
        for s in 0..step.stages.len() {
            let before = s.checked_sub(1).and_then(|before| shown.probs[before]);
            match (shown.probs[s], before) {
                (Some(p), _) => cell(svg, s, y, p, if chosen { "tp-chosen" } else { "tp-bar" }),
                (None, Some(_)) => svg.text(x(s), y, Anchor::Start, "tp-soft", "×"),
                (None, None) => {}
            }
        }
        if chosen {
            svg.text(x(step.stages.len()), y, Anchor::Start, "tp-chosen", "←");
        }
        for cut in cuts.iter().filter(|cut| cut.below == row) {
            y += ROW * 0.75;
            let names: Vec<&str> =
                cut.stages.iter().map(|&s| step.stages[s].name.split(' ').next().unwrap_or("")).collect();
            let words = format!("{} cut{} here", names.join(", "), if names.len() == 1 { "s" } else { "" });
            let end = x(step.stages.len());
            svg.line((MARGIN, y - 4.0), (end - 7.0 * words.len() as f64 - 10.0, y - 4.0), "tp-cut");
            svg.text(end, y, Anchor::End, "tp-cuttext", &words);
        }
    }
    if step.rest() > 0 {
        y += ROW;
        svg.text(MARGIN, y, Anchor::Start, "tp-soft", &format!("… {} more", step.rest()));
        for (s, stage) in step.stages.iter().enumerate() {
            let before = s.checked_sub(1).map_or(0, |before| step.stages[before].tail);
            match (stage.tail, before) {
                (1.., _) => cell(svg, s, y, stage.tail_mass, "tp-rest"),
                (0, 1..) => svg.text(x(s), y, Anchor::Start, "tp-soft", "×"),
                _ => {}
            }
        }
    }
    y += ROW * 0.4;
    svg.line((MARGIN, y), (x(step.stages.len()), y), "tp-line");
    for (at, name) in FOOT.iter().enumerate() {
        y += ROW;
        svg.text(MARGIN, y, Anchor::Start, "tp-soft", name);
        for (s, stage) in step.stages.iter().enumerate() {
            svg.text(x(s), y, Anchor::Start, "", foot(stage)[at].trim_start());
        }
    }
    draw(svg, step, tokens, whole, y + ROW * 1.6)
}

/// The ruler of the draw, or the words for a race.
fn draw(svg: &mut Svg, step: &Explained, tokens: Option<&Tokens>, whole: f64, mut y: f64) -> f64 {
    let drawn = &step.draw;
    if let Some(u) = drawn.uniform {
        let (from, to) = (MARGIN + 110.0, whole - MARGIN - 24.0);
        let at = |p: f64| from + p * (to - from);
        svg.text(MARGIN, y, Anchor::Start, "tp-soft", &format!("u = {}", share(u).trim_start()));
        for (n, interval) in drawn.intervals.iter().enumerate() {
            let (a, b) = (at(interval.from), at(interval.to));
            let class = if interval.id == drawn.id { "tp-chosen" } else { "tp-bar" };
            let name = token(tokens, interval.id);
            let opacity = if interval.id == drawn.id { 0.55 } else { [0.55, 0.35][n % 2] };
            svg.shaded(a, y - 13.0, (b - a - 1.0).max(0.5), 18.0, class, Some(opacity), &clip(&name, 40));
            let fits = ((b - a - 8.0) / 8.0) as usize;
            if fits >= 2 {
                svg.text((a + b) / 2.0, y + 22.0, Anchor::Middle, "tp-small", &clip(&name, fits));
            }
        }
        svg.circle(at(u), y - 4.0, 5.0, "tp-chosen");
        svg.text(from - 6.0, y, Anchor::End, "tp-small", "0");
        svg.text(to + 6.0, y, Anchor::Start, "tp-small", "1");
        y += ROW * 2.2;
    }
    let name = |id| match tokens {
        Some(_) => format!("{id} {}", clip(&token(tokens, id), 16)),
        None => format!("{id}"),
    };
    if !drawn.race.is_empty() {
        let column = |n: usize| MARGIN + LEFT + 70.0 * n as f64;
        svg.text(MARGIN, y, Anchor::Start, "tp-soft", RACE[0]);
        for (n, head) in RACE[1..5].iter().enumerate() {
            svg.text(column(n + 1), y, Anchor::End, "tp-soft", head);
        }
        for (runner, numbers) in drawn.race.iter().zip(drawn.runners()) {
            y += ROW;
            let class = if runner.id == drawn.id { "tp-chosen" } else { "" };
            svg.text(MARGIN, y, Anchor::Start, class, &name(runner.id));
            for (n, number) in numbers.iter().enumerate() {
                svg.text(column(n + 1), y, Anchor::End, class, number);
            }
            if runner.id == drawn.id {
                svg.text(column(4) + 12.0, y, Anchor::Start, class, "←");
            }
        }
        y += ROW * 1.5;
    }
    svg.words(MARGIN, y, whole - 2.0 * MARGIN, &drawn.words(name))
}
