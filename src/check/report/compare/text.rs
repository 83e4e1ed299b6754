//! As text.

use std::io::{self, Write};

use super::{Comparison, cell};
use crate::check::{Compared, Measure};
use crate::render::Table;
use crate::render::kit::{Digits, Ink, Look, display_width, pad, sparkline, wrap};

/// The measures that a grid shows; JSON has all.
const GRID: [&str; 6] = ["logprob", "perplexity", "entropy", "kept", "kl", "distinct_2"];

impl Comparison<'_> {
    /// As text: a row for each setting, then the texts; of a sweep the curves, of two a table for each measure.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        match self.swept()[..] {
            [] => self.side_by_side(look, to),
            [name] => self.curves().iter().enumerate().try_for_each(|(at, (rest, curve))| {
                if at > 0 {
                    writeln!(to)?;
                }
                self.curve(name, rest, curve, look, to)
            }),
            [rows, columns, ..] => self.grid(rows, columns, look, to),
        }
    }

    fn side_by_side(&self, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        let measures = self.measures();
        let mut table = Table::new("lr");
        table.row(std::iter::once("strategy").chain(measures.iter().map(|m| m.heading)));
        for setting in self.settings {
            let cells =
                measures.iter().map(|m| look.text(&cell(m, setting.measures.get(m.key))).into_owned());
            table.row(std::iter::once(setting.name.clone()).chain(cells));
        }
        table.write_within(look, to)?;
        let several = self.settings.iter().any(|s| s.sequences.len() > 1);
        writeln!(
            to,
            "\n{}",
            look.paint(
                Ink::Title,
                if several { "text (first sample of the first sequence)" } else { "text" }
            )
        )?;
        let most =
            self.settings.iter().map(|s| display_width(&s.name)).max().unwrap_or(0).min(look.width / 3);
        for setting in self.settings {
            let text = look.clip(&self.first_text(setting), look.width.saturating_sub(most + 2));
            writeln!(to, "{}", format!("{}  {text}", pad(&look.clip(&setting.name, most), most)).trim_end())?;
        }
        if self.settings.iter().any(|s| measures.iter().any(|m| !s.measures.contains_key(m.key))) {
            let line = look.text("–: nothing is drawn, or a sequence has no value");
            for line in wrap(&line, look.width) {
                writeln!(to, "{}", look.paint(Ink::Removed, &line))?;
            }
        }
        Ok(())
    }

    /// One value after the other, the entropy as bars; below, each measure as a curve.
    fn curve(
        &self,
        name: &str,
        rest: &str,
        curve: &[&Compared],
        look: &Look,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        let measures = self.measures();
        for line in wrap(&format!("{name} under {rest}"), look.width) {
            writeln!(to, "{}", look.paint(Ink::Title, &line))?;
        }
        let mut table = Table::new("r");
        table.row(std::iter::once(name).chain(measures.iter().map(|m| m.heading)));
        for setting in curve {
            let cells =
                measures.iter().map(|m| look.text(&cell(m, setting.measures.get(m.key))).into_owned());
            table.row(std::iter::once(value(setting, 0)).chain(cells));
        }
        table.write_within(look, to)?;
        writeln!(to)?;
        let most = measures.iter().map(|m| m.heading.len()).max().unwrap_or(0);
        for measure in &measures {
            let values: Vec<f64> = means(curve, measure);
            let known = || values.iter().copied().filter(|v| v.is_finite());
            let (low, high) = known().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
            if low > high {
                continue;
            }
            let digits = measure.digits;
            if let Some(value) = unchanged(&values) {
                writeln!(to, "{}  unchanged: {value:.digits$}", pad(measure.heading, most))?;
                continue;
            }
            let range = format!("{low:.digits$} to {high:.digits$}");
            // a curve stands on its lowest value
            let raised: Vec<f64> = values.iter().map(|v| v - low).collect();
            let line = sparkline(&raised, look.width.saturating_sub(most + 4 + range.len()), look.ascii);
            writeln!(to, "{}  {}  {range}", pad(measure.heading, most), look.paint(Ink::Bar, &line))?;
        }
        Ok(())
    }

    /// A table for each measure: one parameter down, the other across.
    fn grid(&self, rows: &str, columns: &str, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        let mut first = true;
        for (rest, all) in self.curves() {
            for measure in self.measures().into_iter().filter(|m| GRID.contains(&m.key)) {
                if !std::mem::take(&mut first) {
                    writeln!(to)?;
                }
                let title = format!("{} · {rest} · {rows} down, {columns} across", measure.heading);
                wrap(&look.text(&title), look.width)
                    .iter()
                    .try_for_each(|line| writeln!(to, "{}", look.paint(Ink::Title, line)))?;
                let mut table = Table::new("r");
                let across = distinct(&all, 1);
                table.row(std::iter::once(String::new()).chain(across.iter().cloned()));
                for down in distinct(&all, 0) {
                    let cells = across.iter().map(|column| {
                        let setting = all.iter().find(|s| value(s, 0) == down && value(s, 1) == *column);
                        look.text(&cell(measure, setting.and_then(|s| s.measures.get(measure.key))))
                            .into_owned()
                    });
                    table.row(std::iter::once(down.clone()).chain(cells.collect::<Vec<_>>()));
                }
                table.write_within(look, to)?;
            }
        }
        Ok(())
    }
}

/// A value of what is swept, as text.
pub(super) fn value(setting: &Compared, at: usize) -> String {
    setting.swept.get(at).map_or(String::new(), |(_, x)| Digits::Six.write(*x))
}

/// The different values, in their order.
pub(super) fn distinct(settings: &[&Compared], at: usize) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for setting in settings {
        let value = value(setting, at);
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

/// The value of a measure that is the same all along a curve, which has more than one.
pub(super) fn unchanged(values: &[f64]) -> Option<f64> {
    let (first, rest) = values.split_first()?;
    // what rounding makes of equal numbers is no change; a value that is missing is none of them
    let same = |v: &f64| first.is_finite() && (v - first).abs() <= 1e-9 * first.abs().max(1.0);
    (!rest.is_empty() && rest.iter().all(same)).then_some(first + 0.0)
}

/// A measure along a curve; NaN where there is none.
pub(super) fn means(curve: &[&Compared], measure: &Measure) -> Vec<f64> {
    curve.iter().map(|s| s.measures.get(measure.key).map_or(f64::NAN, |m| m.mean)).collect()
}

#[cfg(test)]
mod tests {
    use super::unchanged;

    #[test]
    fn only_what_is_known_all_along_is_unchanged() {
        for (values, expected) in [
            (&[5.0, 5.0, 5.0 + 1e-12][..], Some(5.0)),
            (&[5.0], None),
            (&[5.0, 6.0], None),
            (&[5.0, f64::NAN], None),
            (&[f64::NAN, 5.0, 5.0], None),
            (&[f64::NAN, f64::NAN], None),
            (&[f64::INFINITY, f64::INFINITY], None),
            (&[], None),
        ] {
            assert_eq!(unchanged(values), expected, "{values:?}");
        }
    }
}
