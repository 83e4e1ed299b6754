//! A small writer of SVG 1.1: selectable text in the system's fonts, light and dark.

use std::fmt::Write;

/// The room around a picture.
pub const MARGIN: f64 = 16.0;
/// The width of a letter, at most.
pub const LETTER: f64 = 7.9;
/// The width of a small letter, at most.
pub const SMALL: f64 = 6.8;

/// Where a text is anchored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// At its beginning.
    Start,
    /// At its middle.
    Middle,
    /// At its end.
    End,
}

/// A picture that grows by elements. There are no ids in it, and all class names begin with `tp`, so that several can stand in
/// one page.
///
/// ```
/// use tokpick::render::kit::{Anchor, Svg};
/// let mut svg = Svg::new("A bar", "One bar, half as long as the picture.");
/// svg.rect(0.0, 10.0, 50.0, 8.0, "tp-bar");
/// svg.text(0.0, 30.0, Anchor::Start, "", "p < 1 & q > 0");
/// let text = svg.finish(100.0, 40.0);
/// assert!(text.starts_with("<svg ") && text.contains("p &lt; 1 &amp; q &gt; 0"));
/// ```
#[derive(Debug)]
pub struct Svg {
    title: String,
    description: String,
    body: String,
}

/// Okabe and Ito's eight hues, told apart by colour-blind eyes too; lighter in the dark where they must be.
const STYLE: &str = "\
.tp{--ink:#1b1b1b;--soft:#6b6b6b;--line:#c9c9c9;--paper:#fff;--bar:#0072b2;--chosen:#b04a00;--cut:#b04a00;\
--s0:#0072b2;--s1:#d55e00;--s2:#009e73;--s3:#cc79a7;--s4:#a07a00;--s5:#3a8fc4;--s6:#8f8a00;--s7:#1b1b1b}\
@media(prefers-color-scheme:dark){.tp{--ink:#ececec;--soft:#a6a6a6;--line:#4a4a4a;--paper:#16181b;--bar:#56b4e9;--chosen:#f0a35e;\
--cut:#f0a35e;--s0:#56b4e9;--s1:#f08a4b;--s2:#3fc79a;--s3:#e09cc4;--s4:#e69f00;--s5:#9ad0f0;--s6:#f0e442;--s7:#ececec}}\
.tp text{font:13px ui-monospace,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;fill:var(--ink);white-space:pre}\
.tp .tp-paper{fill:var(--paper)}.tp .tp-bar{fill:var(--bar)}.tp .tp-chosen{fill:var(--chosen)}.tp text.tp-chosen{font-weight:700}\
.tp text.tp-head{font-weight:700}.tp text.tp-soft{fill:var(--soft)}.tp .tp-gone{fill:var(--soft)}.tp text.tp-small{font-size:11px;fill:var(--soft)}\
.tp .tp-line{stroke:var(--line);fill:none}.tp .tp-axis{stroke:var(--soft);fill:none}.tp .tp-cut{stroke:var(--cut);stroke-dasharray:5 4;fill:none}\
.tp text.tp-cuttext{fill:var(--cut);font-size:11px}.tp .tp-rest{fill:var(--line)}\
.tp .tp-s0{--s:var(--s0)}.tp .tp-s1{--s:var(--s1)}.tp .tp-s2{--s:var(--s2)}.tp .tp-s3{--s:var(--s3)}.tp .tp-s4{--s:var(--s4)}\
.tp .tp-s5{--s:var(--s5)}.tp .tp-s6{--s:var(--s6)}.tp .tp-s7{--s:var(--s7)}\
.tp .tp-fill{fill:var(--s)}.tp .tp-stroke,.tp .tp-curve{stroke:var(--s);fill:none;stroke-width:2}\
.tp .tp-curve.tp-s1{stroke-dasharray:9 4}.tp .tp-curve.tp-s2{stroke-dasharray:2 3}.tp .tp-curve.tp-s3{stroke-dasharray:9 3 2 3}\
.tp .tp-curve.tp-s4{stroke-dasharray:5 5}.tp .tp-curve.tp-s5{stroke-dasharray:14 4}.tp .tp-curve.tp-s6{stroke-dasharray:2 7}\
.tp .tp-curve.tp-s7{stroke-dasharray:9 3 2 3 2 3}\
.tp .tp-heat{fill:var(--s1)}";

impl Svg {
    /// An empty picture; title and description are for screen readers.
    pub fn new(title: &str, description: &str) -> Self {
        Svg { title: title.to_string(), description: description.to_string(), body: String::new() }
    }

    /// A text whose base line is at `y`.
    pub fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let _ = writeln!(
            self.body,
            "<text x=\"{}\" y=\"{}\"{anchor}{class}>{}</text>",
            short(x),
            short(y),
            escape(text)
        );
    }

    /// Words in lines of at most `width`, the first at `y`; hands back where the last one stands.
    pub fn words(&mut self, x: f64, y: f64, width: f64, words: &str) -> f64 {
        self.lines((x, y), 20.0, "", &super::wrap(words, (width / LETTER) as usize))
    }

    /// As [`words`](Self::words), in small letters.
    pub fn small(&mut self, x: f64, y: f64, width: f64, words: &str) -> f64 {
        self.lines((x, y), 16.0, "tp-small", &super::wrap(words, (width / SMALL) as usize))
    }

    fn lines(&mut self, (x, y): (f64, f64), height: f64, class: &str, lines: &[String]) -> f64 {
        for (at, line) in lines.iter().enumerate() {
            self.text(x, y + height * at as f64, Anchor::Start, class, line);
        }
        y + height * lines.len().saturating_sub(1) as f64
    }

    /// A rectangle; nothing if it has no size.
    pub fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str) {
        self.shaded(x, y, width, height, class, None, "");
    }

    /// A rectangle with an opacity, and a title that shows on hover.
    #[expect(clippy::too_many_arguments, reason = "the attributes of one element")]
    pub fn shaded(
        &mut self,
        x: f64,
        y: f64,
        width: f64,
        height: f64,
        class: &str,
        opacity: Option<f64>,
        title: &str,
    ) {
        if width <= 0.0 || height <= 0.0 {
            return;
        }
        let (x, y, width, height) = (short(x), short(y), short(width), short(height));
        let opacity = opacity.map_or(String::new(), |o| format!(" fill-opacity=\"{}\"", short(o)));
        let inside =
            if title.is_empty() { String::new() } else { format!("<title>{}</title>", escape(title)) };
        let _ = writeln!(
            self.body,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" class=\"{class}\"{opacity}>{inside}</rect>"
        );
    }

    /// A line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(short);
        let _ =
            writeln!(self.body, "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" class=\"{class}\"/>");
    }

    /// A curve from one point to another that leaves and arrives level.
    pub fn curve(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let middle = short((from.0 + to.0) / 2.0);
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(short);
        let _ = writeln!(
            self.body,
            "<path d=\"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}\" class=\"{class}\"/>"
        );
    }

    /// A line through points.
    pub fn polyline(&mut self, points: &[(f64, f64)], class: &str) {
        let points: Vec<String> = points.iter().map(|p| format!("{},{}", short(p.0), short(p.1))).collect();
        let _ = writeln!(self.body, "<polyline points=\"{}\" class=\"{class}\"/>", points.join(" "));
    }

    /// A disc.
    pub fn circle(&mut self, x: f64, y: f64, r: f64, class: &str) {
        let [x, y, r] = [x, y, r].map(short);
        let _ = writeln!(self.body, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" class=\"{class}\"/>");
    }

    /// The whole document, `made` at its foot from `y` on: how it was made, where that isn't said beside it.
    pub fn finish_with(mut self, width: f64, y: f64, made: &str) -> String {
        if made.is_empty() {
            return self.finish(width, y);
        }
        let y = self.small(MARGIN, y, width - 2.0 * MARGIN, made);
        self.finish(width, y + MARGIN)
    }

    /// The whole document.
    pub fn finish(self, width: f64, height: f64) -> String {
        let (w, h) = (short(width), short(height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"tp\" role=\"img\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\">\n\
             <title>{}</title>\n<desc>{}</desc>\n<style>{STYLE}</style>\n<rect class=\"tp-paper\" width=\"{w}\" height=\"{h}\"/>\n{}</svg>\n",
            escape(&self.title),
            escape(&self.description),
            self.body
        )
    }
}

/// A coordinate, to a hundredth.
fn short(x: f64) -> String {
    let text = format!("{x:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_string() } else { text.to_string() }
}

/// A text as the content or an attribute of an element of XML or HTML; what XML can't hold is U+FFFD.
///
/// ```
/// use tokpick::render::kit::escape;
/// assert_eq!(escape("<script>\"]]>'\u{0}"), "&lt;script&gt;&quot;]]&gt;&#39;\u{fffd}");
/// ```
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
