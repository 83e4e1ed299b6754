//! Steps as a page.

use super::{Explained, FOOT, foot, svg};
use crate::render::Tokens;
use crate::render::kit::{Digits, html, token};

/// Steps as one self-contained page: a picture and a table of each.
pub fn page(steps: &[Explained], tokens: Option<&Tokens>, width: usize, made: &str) -> String {
    let mut body = String::new();
    for step in steps {
        body += &html::figure(&svg(std::slice::from_ref(step), tokens, width, ""));
        let mut rows = vec![vec!["token".to_string(), "id".to_string()]];
        rows[0].extend(step.stages.iter().map(|s| s.name.clone()));
        for shown in &step.tokens {
            let mut row = vec![token(tokens, shown.id), shown.id.to_string()];
            row.extend(shown.probs.iter().map(|p| p.map_or("×".to_string(), |p| Digits::Six.write(p))));
            rows.push(row);
        }
        for (at, name) in FOOT.iter().enumerate() {
            let mut row = vec![name.to_string(), String::new()];
            row.extend(step.stages.iter().map(|s| foot(s)[at].trim_start().to_string()));
            rows.push(row);
        }
        let caption = format!("Step {}: probabilities after each stage", step.step);
        body += &format!(
            "<details><summary>Numbers of step {}</summary>\n{}</details>\n",
            step.step,
            html::table(&caption, "lr", &rows)
        );
    }
    html::page("What each stage does to the distribution", &body, made)
}
