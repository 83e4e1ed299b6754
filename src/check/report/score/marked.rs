//! A scored sequence as the text itself, each token under a mark: in the terminal, as a picture, as a page.

use std::io::{self, Write};

use super::least_bits;
use crate::check::{Score, ScoreTotal, ScoredToken};
use crate::render::kit::{
    Anchor, Ink, Look, MARGIN, Svg, clip, display_width, escape, html, share, token, visible, wrap,
};
use crate::render::{Table, Tokens};

/// What the marks tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum By {
    /// Surprise −log₂ p: a step for each bit.
    #[default]
    Surprise,
    /// Probability: a step for each eighth that is missing to 1.
    Probability,
    /// Rank: a step for each doubling.
    Rank,
}

/// The marks, from what was expected to what was not.
const MARKS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// What the logits' rounding to f32 may take from a whole number of bits.
const SLACK: f64 = 1e-6;

/// How many of the most surprising tokens are listed.
const LISTED: usize = 5;

impl By {
    /// The step of a token, 0 to 7.
    fn level(self, t: &ScoredToken) -> u8 {
        let level = match self {
            By::Surprise => t.bits.or(least_bits(t)).map(|bits| (bits + SLACK).floor()),
            By::Probability => t.logprob.map(|l| ((1.0 - crate::kernel::exp(l)) * 8.0 + SLACK).floor()),
            By::Rank => t.logprob.map(|_| (t.rank as f64).log2().floor()),
        };
        level.map_or(7, |level| level.clamp(0.0, 7.0) as u8)
    }

    fn legend(self) -> [&'static str; 8] {
        match self {
            By::Surprise => ["below 1 bit", "1", "2", "3", "4", "5", "6", "7 and more"],
            By::Probability => ["p above 7/8", "6/8", "5/8", "4/8", "3/8", "2/8", "1/8", "below 1/8"],
            By::Rank => ["rank 1", "2-3", "4-7", "8-15", "16-31", "32-63", "64-127", "128 and more"],
        }
    }
}

/// The token as it stands in the text: its own blanks stay, what can't be seen is made visible.
fn inline(tokens: Option<&Tokens>, id: crate::TokenId) -> String {
    let Some(tokens) = tokens else { return format!("{id} ") };
    let text = tokens.piece(id);
    if text.contains('\u{fffd}') {
        return token(Some(tokens), id);
    }
    let body = text.trim_matches(' ');
    let (before, after) =
        (text.len() - text.trim_start_matches(' ').len(), text.len() - text.trim_end_matches(' ').len());
    if body.is_empty() {
        return text;
    }
    format!("{}{}{}", " ".repeat(before), visible(body), " ".repeat(after))
}

/// The probability of a token; `<=` for one that is not listed.
fn probability(t: &ScoredToken) -> String {
    let of = |l: f64| share(crate::kernel::exp(l)).trim_start().to_string();
    match t.logprob_at_most {
        Some(most) => format!("<= {}", of(most)),
        None => t.logprob.map_or("0".to_string(), of),
    }
}

/// The surprise of a token in bits; `>=` for one that is not listed.
fn surprise(t: &ScoredToken, digits: usize) -> String {
    match least_bits(t) {
        Some(least) => format!(">= {least:.digits$}"),
        None => t.bits.map_or("inf".to_string(), |bits| format!("{bits:.digits$}")),
    }
}

/// What is said of a token.
fn about(t: &ScoredToken, tokens: Option<&Tokens>) -> String {
    let p = format!("p {}", probability(t));
    let bits = match (least_bits(t), t.bits) {
        (None, None) => "masked".to_string(),
        _ => format!("{} bits", surprise(t, 2)),
    };
    let others: Vec<String> = t
        .alternatives
        .iter()
        .map(|&(id, p)| format!("{} {}", clip(&token(tokens, id), 24), share(p).trim_start()))
        .collect();
    let name = clip(&token(tokens, t.id), 40);
    format!("{name} · step {} · {p} · {bits} · rank {} · best: {}", t.step, super::rank(t), others.join(", "))
}

impl Score {
    /// The text under marks, a legend, the most surprising tokens with what was more probable, and the sums.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, tokens: Option<&Tokens>, by: By, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        let (mut text, mut marks, mut width) = (String::new(), String::new(), 0);
        let mut lines: Vec<(String, String)> = Vec::new();
        for t in &self.tokens {
            let shown = look.clip(&inline(tokens, t.id), look.width);
            let size = display_width(&shown);
            if width + size > look.width {
                lines.push((std::mem::take(&mut text), std::mem::take(&mut marks)));
                width = 0;
            }
            width += size;
            let level = by.level(t);
            text += &look.paint(Ink::Heat(level), &shown);
            let mark = if look.ascii { level.to_string() } else { MARKS[level as usize].to_string() };
            // the blanks between ids carry no mark
            let blanks = if tokens.is_none() { 1 } else { 0 };
            marks += &look.paint(Ink::Heat(level), &mark.repeat(size.saturating_sub(blanks)));
            marks += &" ".repeat(blanks.min(size));
        }
        lines.push((text, marks));
        for (text, marks) in lines.into_iter().filter(|(text, _)| !text.is_empty()) {
            writeln!(to, "{}\n{}", text.trim_end(), marks.trim_end())?;
        }
        let legend: Vec<String> = by
            .legend()
            .iter()
            .enumerate()
            .map(|(at, words)| {
                format!("{} {words}", if look.ascii { at.to_string() } else { MARKS[at].to_string() })
            })
            .map(|part| part.replace(' ', "\u{a0}"))
            .collect();
        writeln!(to)?;
        wrap(&legend.join("  "), look.width)
            .iter()
            .try_for_each(|l| writeln!(to, "{}", look.paint(Ink::Removed, l)))?;
        writeln!(to)?;
        self.most_surprising(tokens, look, to)?;
        self.sums(look, to)
    }

    fn most_surprising(&self, tokens: Option<&Tokens>, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        let mut worst: Vec<&ScoredToken> = self.tokens.iter().collect();
        let bits = |t: &ScoredToken| t.bits.or(least_bits(t)).unwrap_or(f64::INFINITY);
        worst.sort_by(|a, b| bits(b).total_cmp(&bits(a)));
        worst.truncate(LISTED);
        if worst.is_empty() {
            return Ok(());
        }
        let mut table = Table::new("rlddrl").keys(2);
        table.row(["step", "most surprising", "bits", "p", "rank", "most probable there"]);
        for t in worst {
            let best = t
                .alternatives
                .first()
                .map(|&(id, p)| format!("{} {}", look.clip(&token(tokens, id), 20), share(p).trim_start()));
            table.row([
                t.step.to_string(),
                look.clip(&token(tokens, t.id), 20),
                surprise(t, 2),
                probability(t),
                super::rank(t),
                best.unwrap_or_default(),
            ]);
        }
        table.write_within(look, to)?;
        writeln!(to)
    }
}

/// Scored sequences as one SVG: the text with a bar under each token, as high as it is surprising.
pub fn svg(scores: &[Score], tokens: Option<&Tokens>, by: By, width: usize, made: &str) -> String {
    // tokens stand side by side: a letter as it is set
    const LETTER: f64 = 7.83;
    let whole = (width as f64 * LETTER + 2.0 * MARGIN).max(480.0);
    let mut svg =
        Svg::new("A scored text", "The text, under each token a bar: the higher, the less it was expected.");
    let mut y = MARGIN + 14.0;
    for score in scores {
        let mut x = MARGIN;
        for t in &score.tokens {
            let shown = clip(&inline(tokens, t.id), width);
            let size = display_width(&shown) as f64 * LETTER;
            if x + size > whole - MARGIN {
                (x, y) = (MARGIN, y + 44.0);
            }
            let height = 2.0 + 1.6 * f64::from(by.level(t));
            let opacity = 0.3 + 0.1 * f64::from(by.level(t));
            svg.text(x, y, Anchor::Start, "", &shown);
            svg.shaded(x, y + 18.0 - height, size - 1.0, height, "tp-heat", Some(opacity), &about(t, tokens));
            x += size;
        }
        y += 44.0;
        let sums = score.sums_in_words(&Look::default());
        y = svg.small(MARGIN, y, whole - 2.0 * MARGIN, &sums) + 40.0;
    }
    if let Some(total) = ScoreTotal::of(scores).total_in_words(&Look::default()) {
        y = svg.small(MARGIN, y, whole - 2.0 * MARGIN, &total) + 40.0;
    }
    let mut x = MARGIN;
    for (level, words) in by.legend().iter().enumerate() {
        let size = 26.0 + 7.0 * words.len() as f64;
        if x + size > whole - MARGIN {
            (x, y) = (MARGIN, y + 20.0);
        }
        let height = 2.0 + 1.6 * level as f64;
        svg.shaded(x, y - height, 10.0, height, "tp-heat", Some(0.3 + 0.1 * level as f64), "");
        svg.text(x + 14.0, y, Anchor::Start, "tp-small", words);
        x += size;
    }
    svg.finish_with(whole, y + 28.0, made)
}

/// A text of a page under a mark of its level.
fn heat(level: u8, attributes: &str, text: &str) -> String {
    let h = f64::from(level) / 7.0;
    format!("<span class=\"heat\"{attributes} style=\"--h:{h:.2}\">{}</span>", escape(text))
}

/// Scored sequences as one page; what else was probable shows where the pointer or the keyboard rests.
pub fn page(scores: &[Score], tokens: Option<&Tokens>, by: By, made: &str) -> String {
    let mut body = String::new();
    for score in scores {
        body += "<p class=\"text\">";
        for t in &score.tokens {
            let title = format!(" tabindex=\"0\" title=\"{}\"", escape(&about(t, tokens)));
            body += &heat(by.level(t), &title, &inline(tokens, t.id));
        }
        body += "</p>\n<p class=\"legend\">";
        body.extend((0..).zip(by.legend()).map(|(level, words)| heat(level, "", words)));
        body += "</p>\n";
        let mut rows = vec![
            ["step", "token", "id", "p", "bits", "rank", "most probable there"].map(str::to_string).to_vec(),
        ];
        for t in &score.tokens {
            let best = t
                .alternatives
                .first()
                .map(|&(id, p)| format!("{} {}", token(tokens, id), share(p).trim_start()));
            rows.push(vec![
                t.step.to_string(),
                token(tokens, t.id),
                t.id.to_string(),
                probability(t),
                surprise(t, 3),
                super::rank(t),
                best.unwrap_or_default(),
            ]);
        }
        body += &html::table(&score.sums_in_words(&Look::default()), "llrrrrl", &rows);
    }
    if let Some(total) = ScoreTotal::of(scores).total_in_words(&Look::default()) {
        body += &format!("<p>{}</p>\n", escape(&total));
    }
    html::page("A scored text", &body, made)
}
