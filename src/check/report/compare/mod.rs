//! Strategies side by side: as text, picture and page.

mod picture;
mod text;

use crate::check::{Compared, MEASURES, Mean, Measure};
use crate::render::Tokens;
use crate::render::kit::{self, html};

/// A comparison, to be shown.
pub struct Comparison<'a> {
    /// What the settings did.
    pub settings: &'a [Compared],
    /// Strings for the texts.
    pub tokens: Option<&'a Tokens>,
    /// How it was made: the command line.
    pub made: &'a str,
}

impl Comparison<'_> {
    /// The measures that some setting has.
    fn measures(&self) -> Vec<&'static Measure> {
        MEASURES.iter().filter(|m| self.settings.iter().any(|s| s.measures.contains_key(m.key))).collect()
    }

    /// What is swept: one name, or two; nothing where strategies are compared.
    fn swept(&self) -> Vec<&str> {
        self.settings.first().map_or(vec![], |s| s.swept.iter().map(|(name, _)| name.as_str()).collect())
    }

    /// The settings that differ in what is swept alone, by the name of the rest.
    fn curves(&self) -> Vec<(String, Vec<&Compared>)> {
        let mut curves: Vec<(String, Vec<&Compared>)> = Vec::new();
        for setting in self.settings {
            let own =
                |part: &&str| !setting.swept.iter().any(|(name, _)| part.split(' ').next() == Some(name));
            let rest: Vec<&str> = setting.name.split(", ").filter(own).collect();
            let rest = if rest.is_empty() { "sample".to_string() } else { rest.join(", ") };
            match curves.iter_mut().find(|(name, _)| *name == rest) {
                Some((_, curve)) => curve.push(setting),
                None => curves.push((rest, vec![setting])),
            }
        }
        curves
    }

    /// The text of the first sequence that a setting decoded.
    fn first_text(&self, setting: &Compared) -> String {
        setting.sequences.first().map_or(String::new(), |s| kit::text(self.tokens, &s.ids))
    }

    /// As one self-contained page: the picture, and all numbers as a table.
    pub fn html(&self, width: usize) -> String {
        let measures = self.measures();
        let mut rows = vec![vec!["strategy".to_string()]];
        rows[0].extend(measures.iter().map(|m| m.heading.to_string()));
        for setting in self.settings {
            let mut row = vec![setting.name.clone()];
            row.extend(measures.iter().map(|m| cell(m, setting.measures.get(m.key))));
            rows.push(row);
        }
        let picture = Comparison { made: "", ..*self }.svg(width);
        let mut body =
            html::figure(&picture) + &html::table("Means over all sequences and samples", "lr", &rows);
        if self.swept().is_empty() {
            let mut texts = vec![vec!["strategy".to_string(), "text of the first sample".to_string()]];
            texts.extend(self.settings.iter().map(|s| vec![s.name.clone(), self.first_text(s)]));
            body += &html::table("Texts", "l", &texts);
        }
        let mut meanings = vec![vec!["measure".to_string(), "what it is".to_string()]];
        meanings.extend(measures.iter().map(|m| vec![m.heading.to_string(), m.meaning.to_string()]));
        body += &format!(
            "<details><summary>What the measures are</summary>\n{}</details>\n",
            html::table("Measures", "l", &meanings)
        );
        html::page("Strategies side by side", &body, self.made)
    }
}

/// A mean as it stands in a table, with half its interval.
fn cell(measure: &Measure, mean: Option<&Mean>) -> String {
    let digits = measure.digits;
    match mean.map(|mean| (mean.mean, mean.half())) {
        None => "–".to_string(),
        Some((mean, Some(half))) => format!("{:.digits$} ± {half:.digits$}", mean + 0.0),
        Some((mean, None)) => format!("{:.digits$}", mean + 0.0),
    }
}
