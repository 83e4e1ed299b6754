//! llama.cpp's parameters into a chain and a final sampler.

use super::{INFO, dry::Dry, filters::Cut, mirostat::Version, penalties::Penalties};
use crate::Result;
use crate::engine::{
    Params,
    shared::plan::{FINITE, NOT_NEGATIVE, Plan, saturate},
};

/// The parameters that the chain takes.
pub(super) const PARAMETERS: [&str; 27] = [
    "logit_bias",
    "repetition_penalty",
    "frequency_penalty",
    "presence_penalty",
    "penalty_last_n",
    "dry_multiplier",
    "dry_base",
    "dry_allowed_length",
    "dry_last_n",
    "dry_breakers",
    "top_n_sigma",
    "top_k",
    "typical_p",
    "top_p",
    "min_p",
    "xtc_probability",
    "xtc_threshold",
    "temperature",
    "dynamic_temperature_range",
    "dynamic_temperature_exponent",
    "mirostat",
    "mirostat_tau",
    "mirostat_eta",
    "mirostat_m",
    "adaptive_target",
    "adaptive_decay",
    "min_tokens_to_keep",
];

/// The chain's order.
pub(super) const ORDER: [&str; 10] = [
    "logit_bias",
    "penalties",
    "dry",
    "top_n_sigma",
    "top_k",
    "typical_p",
    "top_p",
    "min_p",
    "xtc",
    "temperature",
];

/// Settings that only work beside another one.
const DEPENDENTS: [(&str, &[&str]); 5] = [
    ("dry_multiplier", &["dry_base", "dry_allowed_length", "dry_last_n", "dry_breakers"]),
    ("xtc_probability", &["xtc_threshold"]),
    ("dynamic_temperature_range", &["dynamic_temperature_exponent"]),
    ("mirostat", &["mirostat_tau", "mirostat_eta", "mirostat_m"]),
    ("adaptive_target", &["adaptive_decay"]),
];

/// What fits a window of ids.
const WINDOW: &str = "a whole number, at least -1 (all ids)";

/// One sampler of the chain.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stage {
    LogitBias(Vec<(u32, f32)>),
    Penalties(Penalties),
    Dry(Dry),
    TopNSigma(f32),
    TopK(usize),
    Typical(Cut),
    TopP(Cut),
    MinP(Cut),
    Xtc { probability: f32, threshold: Cut },
    Temperature { value: f32, range: f32, exponent: f32 },
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stage::LogitBias(_) => write!(f, "logit_bias"),
            Stage::Penalties(_) => write!(f, "penalties"),
            Stage::Dry(_) => write!(f, "dry"),
            Stage::TopNSigma(n) => write!(f, "top_n_sigma={n}"),
            Stage::TopK(k) => write!(f, "top_k={k}"),
            Stage::Typical(cut) => write!(f, "typical_p={}", cut.p),
            Stage::TopP(cut) => write!(f, "top_p={}", cut.p),
            Stage::MinP(cut) => write!(f, "min_p={}", cut.p),
            Stage::Xtc { .. } => write!(f, "xtc"),
            Stage::Temperature { value, .. } => write!(f, "temperature={value}"),
        }
    }
}

/// The sampler that chooses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Terminal {
    Dist,
    Mirostat { version: Version, tau: f32, eta: f32 },
    Adaptive { target: f32, decay: f32 },
}

/// The chain and what ends it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    pub(super) stages: Vec<Stage>,
    pub(super) terminal: Terminal,
}

impl Settings {
    pub(super) fn new(params: &Params) -> Result<Self> {
        let reader = Reader(Plan::new(&INFO, params)?);
        let given = params.given();
        for (master, dependents) in DEPENDENTS {
            if let Some(lone) = dependents.iter().find(|d| given.contains(d))
                && !given.contains(&master)
            {
                let why = format!("{lone} has no effect without {master}");
                return Err(reader.0.clash(why));
            }
        }
        let terminal = reader.terminal()?;
        let mut stages = Vec::new();
        stages.extend(reader.logit_bias()?);
        stages.extend(reader.penalties()?);
        stages.extend(reader.dry()?);
        stages.extend(reader.filters()?);
        stages.extend(reader.temperature()?);
        if matches!(terminal, Terminal::Mirostat { .. }) && params.order.is_none() {
            let beside = |n: &str| n == "temperature" || n == "logit_bias";
            if let Some((other, _)) = stages.iter().find(|(n, _)| !beside(n)) {
                return Err(reader.0.clash(format!(
                    "with mirostat llama.cpp leaves out {other}; leave it out, or give the order of a chain that has it"
                )));
            }
        }
        Ok(Self { stages: reader.0.arrange(stages)?, terminal })
    }
}

type Named = (&'static str, Stage);

struct Reader<'a>(Plan<'a>);

impl Reader<'_> {
    fn float(&self, name: &'static str, value: Option<f64>) -> Result<Option<f32>> {
        Ok(self.0.real(name, value, FINITE)?.map(|v| v as f32))
    }

    fn window(&self, name: &'static str, value: Option<i64>) -> Result<usize> {
        let n = self.0.whole(name, value, -1, WINDOW)?.unwrap_or(64);
        Ok(if n == -1 { usize::MAX } else { saturate(n) })
    }

    fn logit_bias(&self) -> Result<Option<Named>> {
        let Some(bias) = &self.0.params.logit_bias else {
            return Ok(None);
        };
        let read = |&(id, b): &(u32, f64)| {
            // −∞ masks.
            let masks = b == f64::NEG_INFINITY;
            let b = self.0.real("logit_bias", Some(b).filter(|_| !masks), FINITE)?;
            Ok((id, b.map_or(f32::NEG_INFINITY, |b| b as f32)))
        };
        let bias: Vec<_> = bias.iter().map(read).collect::<Result<_>>()?;
        Ok((!bias.is_empty()).then_some(("logit_bias", Stage::LogitBias(bias))))
    }

    fn penalties(&self) -> Result<Option<Named>> {
        let p = self.0.params;
        let stage = Penalties {
            last_n: self.window("penalty_last_n", p.penalty_last_n)?,
            repeat: self.float("repetition_penalty", p.repetition_penalty)?.unwrap_or(1.0),
            frequency: self.float("frequency_penalty", p.frequency_penalty)?.unwrap_or(0.0),
            presence: self.float("presence_penalty", p.presence_penalty)?.unwrap_or(0.0),
        };
        Ok(stage.acts().then_some(("penalties", Stage::Penalties(stage))))
    }

    fn dry(&self) -> Result<Option<Named>> {
        let p = self.0.params;
        let multiplier = self.float("dry_multiplier", p.dry_multiplier)?.unwrap_or(0.0);
        let allowed =
            self.0.whole("dry_allowed_length", p.dry_allowed_length, 0, "a whole number, at least 0")?;
        let stage = Dry {
            multiplier,
            base: self.float("dry_base", p.dry_base)?.unwrap_or(1.75),
            allowed_length: saturate(allowed.unwrap_or(2)),
            last_n: self.window("dry_last_n", p.dry_last_n)?,
            breakers: p.dry_breakers.clone().unwrap_or_default(),
        };
        Ok((multiplier != 0.0).then_some(("dry", Stage::Dry(stage))))
    }

    fn filters(&self) -> Result<Vec<Named>> {
        let p = self.0.params;
        let name = "min_tokens_to_keep";
        let least = "a whole number, at least 0";
        let min_keep = self.0.whole(name, p.min_tokens_to_keep, 0, least)?;
        let min_keep = saturate(min_keep.unwrap_or(0));
        let cut = |p| Cut { p, min_keep };
        let mut stages = Vec::new();
        let mut push = |name, value: Option<Stage>| stages.extend(value.map(|s| (name, s)));
        let n = self.float("top_n_sigma", p.top_n_sigma)?;
        push("top_n_sigma", n.filter(|&n| n > 0.0).map(Stage::TopNSigma));
        let k = p.top_k.filter(|&k| k > 0).map(saturate);
        push("top_k", k.map(Stage::TopK));
        let typical = self.float("typical_p", p.typical_p)?.filter(|&v| v < 1.0);
        push("typical_p", typical.map(cut).map(Stage::Typical));
        let top_p = self.float("top_p", p.top_p)?.filter(|&v| v < 1.0);
        push("top_p", top_p.map(cut).map(Stage::TopP));
        let min_p = self.float("min_p", p.min_p)?.filter(|&v| v > 0.0);
        push("min_p", min_p.map(cut).map(Stage::MinP));
        let threshold = cut(self.float("xtc_threshold", p.xtc_threshold)?.unwrap_or(0.1));
        let probability = self.float("xtc_probability", p.xtc_probability)?;
        let xtc = |probability| Stage::Xtc { probability, threshold };
        push("xtc", probability.filter(|&v| v > 0.0).map(xtc));
        Ok(stages)
    }

    fn temperature(&self) -> Result<Option<Named>> {
        let p = self.0.params;
        let value = self.float("temperature", p.temperature)?.unwrap_or(1.0);
        let range = self.float("dynamic_temperature_range", p.dynamic_temperature_range)?;
        let range = range.unwrap_or(0.0);
        let name = "dynamic_temperature_exponent";
        let exponent = self.float(name, p.dynamic_temperature_exponent)?.unwrap_or(1.0);
        let stage = Stage::Temperature { value, range, exponent };
        let acts = value != 1.0 || range > 0.0;
        Ok(acts.then_some(("temperature", stage)))
    }

    fn terminal(&self) -> Result<Terminal> {
        let p = self.0.params;
        let version = self.0.whole("mirostat", p.mirostat, 0, "0 (off), 1 or 2")?;
        let m = self.0.whole("mirostat_m", p.mirostat_m, 1, "a whole number, at least 1")?;
        let m = saturate(m.unwrap_or(100));
        let tau = self.float("mirostat_tau", p.mirostat_tau)?.unwrap_or(5.0);
        let eta = self.float("mirostat_eta", p.mirostat_eta)?.unwrap_or(0.1);
        let target = self.float("adaptive_target", p.adaptive_target)?;
        let decay = self.0.real("adaptive_decay", p.adaptive_decay, NOT_NEGATIVE)?;
        let decay = decay.unwrap_or(0.9) as f32;
        let version = match version {
            None | Some(0) => None,
            Some(1) => Some(Version::One { m }),
            Some(2) => Some(Version::Two),
            Some(v) => {
                let allowed = "0 (off), 1 or 2";
                return Err(self.0.out_of_range("mirostat", v.to_string(), allowed));
            }
        };
        match (version, target) {
            (Some(_), Some(_)) => {
                Err(self.0.clash("mirostat and adaptive_target both choose the token; set one of them"))
            }
            (Some(version), None) => Ok(Terminal::Mirostat { version, tau, eta }),
            (None, Some(target)) => Ok(Terminal::Adaptive { target, decay }),
            (None, None) => Ok(Terminal::Dist),
        }
    }
}
