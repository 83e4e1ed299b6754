//! The table of llama-perplexity.

use std::io::{self, Write};

use super::small;
use crate::check::{Estimate, Floored, KlStatistics, Quantiles, RowKl};
use crate::render::kit::{Digits, Look, Mark, count_of, token, wrap};
use crate::render::{Table, Tokens};

/// How a number of a section is written: its factor, its width and digits, and what stands behind it.
#[derive(Clone, Copy)]
struct Form {
    factor: f64,
    width: usize,
    error_width: usize,
    decimals: usize,
    unit: &'static str,
    digits: Digits,
    plus_minus: &'static str,
}

impl Form {
    /// Plain numbers.
    fn plain(look: &Look) -> Form {
        let (digits, plus_minus) = (look.digits, look.mark(Mark::PlusMinus));
        Form { factor: 1.0, width: 10, error_width: 10, decimals: 6, unit: "", digits, plus_minus }
    }

    /// Shares, in per cent.
    fn percent(look: &Look) -> Form {
        let (digits, plus_minus) = (look.digits, look.mark(Mark::PlusMinus));
        Form { factor: 100.0, width: 6, error_width: 5, decimals: 3, unit: "%", digits, plus_minus }
    }

    fn number(&self, x: Option<f64>, width: usize, missing: &str) -> String {
        match x.map(|x| x * self.factor) {
            None => format!("{missing:>width$}"),
            Some(x) if self.digits == Digits::Full => self.digits.write(x),
            Some(x) => format!("{x:width$.*}", self.decimals),
        }
    }

    fn value(&self, x: Option<f64>) -> String {
        self.number(x, self.width, "infinite") + self.unit
    }

    fn estimate(&self, e: Estimate) -> String {
        let error = self.number(e.error, self.error_width, "-");
        let unit = if self.unit.is_empty() { "" } else { " %" };
        format!("{} {} {error}{unit}", self.number(e.value, self.width, "infinite"), self.plus_minus)
    }
}

impl KlStatistics {
    /// The rows that differ most, and the table of `llama-perplexity --kl-divergence`, in its words and digits.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(
        &self,
        worst: &[RowKl],
        tokens: Option<&Tokens>,
        look: &Look,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        rows(worst, tokens, look, to)?;
        let (plain, percent) = (Form::plain(look), Form::percent(look));
        let p = &self.perplexity;
        writeln!(to, "====== Perplexity statistics ======")?;
        writeln!(to, "Mean PPL(Q)                   : {}", plain.estimate(p.q))?;
        writeln!(to, "Mean PPL(base)                : {}", plain.estimate(p.base))?;
        let correlation = match p.correlation {
            None => "     -".to_string(),
            Some(c) if look.digits == Digits::Full => format!("{}%", look.digits.write(100.0 * c)),
            Some(c) => format!("{:6.2}%", 100.0 * c),
        };
        writeln!(to, "Cor(ln(PPL(Q)), ln(PPL(base))): {correlation}")?;
        writeln!(to, "Mean ln(PPL(Q)/PPL(base))     : {}", plain.estimate(p.ln_ratio))?;
        writeln!(to, "Mean PPL(Q)/PPL(base)         : {}", plain.estimate(p.ratio))?;
        writeln!(to, "Mean PPL(Q)-PPL(base)         : {}", plain.estimate(p.difference))?;
        writeln!(to, "\n====== KL divergence statistics ======")?;
        writeln!(to, "Mean    KLD: {}", plain.estimate(self.mean_kl))?;
        quantiles(&self.kl, false, "KLD", plain, to)?;
        writeln!(to, "\n====== Token probability statistics ======")?;
        let delta = look.text("Δp");
        writeln!(to, "Mean    {delta}: {}", percent.estimate(self.mean_delta_p))?;
        quantiles(&self.delta_p, true, &delta, percent, to)?;
        writeln!(to, "RMS {delta}    : {}", percent.estimate(self.rms_delta_p))?;
        writeln!(to, "Same top p: {}", percent.estimate(self.same_top))?;
        writeln!(to, "\n{}", count_of(self.rows, "row"))?;
        self.floors(look, to)
    }

    /// What the floors of `.kld` files have raised.
    fn floors(&self, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        let sides = [("base", Some(&self.base_floor)), ("Q", self.q_floor.as_ref())];
        let cut: Vec<(&str, &Floored)> = sides
            .into_iter()
            .filter_map(|(name, floor)| Some((name, floor.filter(|f| f.rows > 0)?)))
            .collect();
        if cut.is_empty() {
            return Ok(());
        }
        let mut table = Table::new("lrrr");
        table.row([".kld", "rows that its floor cuts", "entries at the lowest", "tokens at the floor"]);
        for (name, floor) in &cut {
            let [rows, entries, scored] = [floor.rows, floor.entries, floor.scored].map(|n| n.to_string());
            table.row([name.to_string(), rows, entries, scored]);
        }
        table.write_within(look, to)?;
        let raised: Vec<String> =
            cut.iter().filter(|(_, f)| f.scored > 0).map(|(name, _)| format!("PPL({name})")).collect();
        if !raised.is_empty() {
            let raised = raised.join(" and ");
            let what = format!("The floor lies 16 nats below the best token: {raised} can be larger.");
            wrap(&what, look.width).iter().try_for_each(|line| writeln!(to, "{line}"))?;
        }
        Ok(())
    }
}

/// The lines from the largest to the smallest.
fn quantiles(q: &Quantiles, quarters: bool, name: &str, form: Form, to: &mut dyn Write) -> io::Result<()> {
    let lines = [
        ("Maximum", q.max, false),
        ("99.9%  ", q.p99_9, false),
        ("99.0%  ", q.p99, false),
        ("95.0%  ", q.p95, false),
        ("90.0%  ", q.p90, false),
        ("75.0%  ", q.p75, true),
        ("Median ", q.median, false),
        ("25.0%  ", q.p25, true),
        ("10.0%  ", q.p10, false),
        (" 5.0%  ", q.p5, false),
        (" 1.0%  ", q.p1, false),
        (" 0.1%  ", q.p0_1, false),
        ("Minimum", q.min, false),
    ];
    lines
        .iter()
        .filter(|line| quarters || !line.2)
        .try_for_each(|(label, value, _)| writeln!(to, "{label} {name}: {}", form.value(*value)))
}

/// The rows that differ most.
fn rows(worst: &[RowKl], tokens: Option<&Tokens>, look: &Look, to: &mut dyn Write) -> io::Result<()> {
    if worst.is_empty() {
        return Ok(());
    }
    let mut table = Table::new("rrdddl").keys(2);
    table.row(["chunk", "step", "KLD", "p(base)", "p(Q)", "token", "top p"]);
    for row in worst {
        table.row([
            row.sequence.to_string(),
            row.step.to_string(),
            row.kl.map_or_else(|| "infinite".to_string(), |kl| small(Some(kl), look.digits)),
            small(Some(row.p_base), look.digits),
            small(Some(row.p), look.digits),
            token(tokens, row.id),
            if row.same_top { "same" } else { "differs" }.to_string(),
        ]);
    }
    table.write_within(look, to)?;
    writeln!(to)
}
