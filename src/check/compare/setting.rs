//! Settings as text: `top-k=40`, `temperature=0.7,top-p=0.9`, `beam=4,length-penalty=0.6`, `greedy`.

use serde_json::{Value, json};

use crate::processor::{Chain, Stage};
use crate::render::kit::Digits;
use crate::sampler::{Beam, EarlyStopping};
use crate::settings::{self, Order};
use crate::{Error, Result};

/// How beam search stops, by name.
const STOPPING: [(&str, EarlyStopping); 3] =
    [("true", EarlyStopping::True), ("false", EarlyStopping::False), ("never", EarlyStopping::Never)];

/// A strategy with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Strategy {
    /// The most probable token.
    Greedy,
    /// A token from the processed distribution.
    Sample,
    /// Beam search.
    Beam(Beam),
    /// The true best sequence, for small cases.
    Exact,
}

impl Strategy {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Strategy::Greedy => "greedy",
            Strategy::Sample => "sample",
            Strategy::Beam(_) => "beam",
            Strategy::Exact => "exact",
        }
    }
}

/// One of the settings that are compared.
#[derive(Debug)]
pub struct Setting {
    /// Its name in tables.
    pub name: String,
    /// How tokens are chosen.
    pub strategy: Strategy,
    /// The processors.
    pub chain: Chain,
    /// The values of what is swept.
    pub swept: Vec<(String, f64)>,
}

impl Setting {
    /// Reads a setting: a chain as `--chain` takes it, and among its entries `greedy`, `exact` or `beam=N` (with `length-penalty` and
    /// `early-stopping`).
    ///
    /// # Errors
    /// What is no chain; parameters out of range.
    ///
    /// ```
    /// use tokpick::check::Setting;
    /// assert_eq!(Setting::parse("temperature=0.7,top-p=0.9")?.name, "temperature 0.7, top-p 0.9");
    /// assert_eq!(Setting::parse("beam=4")?.name, "beam 4");
    /// # Ok::<(), tokpick::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Setting> {
        let text = text.trim();
        let (mut strategy, mut rest, mut idle) = (None, Vec::new(), None);
        let mut penalty = None;
        let mut stopping = None;
        let entries = if text.starts_with('[') { vec![text] } else { settings::split(text, ',')? };
        for entry in entries.into_iter().map(str::trim).filter(|entry| !entry.is_empty()) {
            let (name, value) =
                entry.split_once('=').map_or((entry, None), |(n, v)| (n.trim(), Some(v.trim())));
            let named = match (name.replace('_', "-").as_str(), value) {
                ("greedy", None) => Some(Strategy::Greedy),
                ("sample", None) => Some(Strategy::Sample),
                ("exact", None) => Some(Strategy::Exact),
                ("beam" | "num-beams", Some(value)) => {
                    let beams =
                        value.parse().map_err(|_| Error::setting("beam", value, "must be a whole number"))?;
                    Some(Strategy::Beam(Beam::new(beams)?))
                }
                ("length-penalty", Some(value)) => {
                    idle = Some(name);
                    penalty =
                        Some(value.parse().map_err(|_| Error::setting(name, value, "must be a number"))?);
                    None
                }
                ("early-stopping", Some(value)) => {
                    idle = Some(name);
                    let named = STOPPING.iter().find(|(name, _)| *name == value);
                    let bad = || Error::setting(name, value, "must be true, false or never");
                    stopping = Some(named.ok_or_else(bad)?.1);
                    None
                }
                _ => {
                    rest.push(entry);
                    None
                }
            };
            if named.is_some() && strategy.is_some() {
                return Err(Error::setting(name, text, "is a second strategy: a setting has one"));
            }
            strategy = named.or(strategy);
        }
        if let Some(Strategy::Beam(beam)) = &mut strategy {
            beam.length_penalty = penalty.unwrap_or(beam.length_penalty);
            beam.early_stopping = stopping.unwrap_or(beam.early_stopping);
        } else if let Some(idle) = idle {
            return Err(Error::setting(idle, text, "is for beam search: give beam=N beside it"));
        }
        let chain = if rest.is_empty() { Chain::default() } else { settings::chain(&rest.join(","))? };
        Ok(Setting::new(strategy.unwrap_or(Strategy::Sample), chain))
    }

    fn new(strategy: Strategy, chain: Chain) -> Setting {
        let mut parts: Vec<String> = Vec::new();
        match &strategy {
            Strategy::Sample => {}
            Strategy::Beam(beam) => {
                parts.push(format!("beam {}", beam.num_beams));
                if beam.length_penalty != 1.0 {
                    parts.push(format!("length-penalty {}", beam.length_penalty));
                }
                if beam.early_stopping != EarlyStopping::default() {
                    let named = STOPPING.iter().find(|(_, stopping)| *stopping == beam.early_stopping);
                    parts.extend(named.map(|(name, _)| format!("early-stopping {name}")));
                }
            }
            other => parts.push(other.name().to_string()),
        }
        for entry in chain.json().as_array().into_iter().flatten().filter_map(Value::as_object).flatten() {
            parts.push(words(entry.0, entry.1));
        }
        let name = if parts.is_empty() { "sample".to_string() } else { parts.join(", ") };
        Setting { name, strategy, chain, swept: Vec::new() }
    }

    /// The settings that are compared where none are given.
    ///
    /// # Errors
    /// None: the texts are fixed.
    pub fn defaults() -> Result<Vec<Setting>> {
        let texts = [
            "greedy",
            "beam=4",
            "temperature=0.7",
            "sample",
            "top-k=40",
            "top-p=0.9",
            "min-p=0.1",
            "temperature=0.7,top-p=0.9",
        ];
        texts.iter().map(|text| Setting::parse(text)).collect()
    }

    /// This setting with another value of one processor (or of `beam`): in the place of its own, else where the order of
    /// transformers has it.
    ///
    /// # Errors
    /// A name that there isn't, a value out of range.
    pub fn with(&self, name: &str, value: f64) -> Result<Setting> {
        let number =
            if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) };
        // by its own name, however it was written
        let swept = |name: &str| {
            let own = (name.replace('_', "-"), value);
            self.swept.iter().cloned().chain([own]).collect::<Vec<_>>()
        };
        if matches!(name, "beam" | "num_beams" | "num-beams") {
            let beams =
                number.as_u64().ok_or_else(|| Error::setting("beam", value, "must be a whole number"))?;
            let beams = usize::try_from(beams).unwrap_or(usize::MAX);
            let beam = match &self.strategy {
                Strategy::Beam(beam) => Beam { num_beams: beams, ..beam.clone() },
                _ => Beam::new(beams)?,
            };
            return Ok(Setting {
                swept: swept("beam"),
                ..Setting::new(Strategy::Beam(beam), self.chain.clone())
            });
        }
        let stage = settings::processor(name, &number)?;
        let swept = swept(stage.info().name);
        let order = Order::hf();
        let place = |of: &Stage| order.names().iter().position(|name| *name == of.info().name);
        let mut stages = self.chain.processors().to_vec();
        match stages.iter().position(|of| of.info().name == stage.info().name) {
            Some(at) => stages[at] = stage,
            None => {
                let at = stages.iter().position(|of| place(of) > place(&stage)).unwrap_or(stages.len());
                stages.insert(at, stage);
            }
        }
        let chain = Chain::new(stages);
        Ok(Setting { swept, ..Setting::new(self.strategy.clone(), chain) })
    }
}

/// An entry of a chain in words: with all digits, for settings that differ in one have different names.
fn words(name: &str, value: &Value) -> String {
    let name = name.replace('_', "-");
    let short = |value: &Value| match value {
        Value::Number(n) => n.as_f64().map_or(n.to_string(), |x| Digits::Full.write(x)),
        Value::String(s) => s.clone(),
        other => other.to_string(),
    };
    match value {
        Value::Bool(true) => name,
        Value::Object(parameters) => {
            let parts: Vec<String> = parameters.iter().map(|(k, v)| format!("{k}={}", short(v))).collect();
            format!("{name}({})", parts.join(", "))
        }
        other => format!("{name} {}", short(other)),
    }
}

/// Values of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// The processor, or `beam`.
    pub name: String,
    /// Its values.
    pub values: Vec<f64>,
}

/// The most values of a sweep.
const MOST: usize = 1000;

impl std::str::FromStr for Sweep {
    type Err = Error;

    /// Reads `temperature=0.1..2.0:0.1` (both ends included) or `top-k=1,5,10`.
    fn from_str(text: &str) -> Result<Sweep> {
        let wrong = |what: &str| Error::setting("sweep", text, what);
        let form = "must be name=FROM..TO:STEP or name=A,B,C";
        let (name, values) = text.split_once('=').ok_or_else(|| wrong(form))?;
        let number =
            |text: &str| text.trim().parse::<f64>().ok().filter(|x| x.is_finite()).ok_or_else(|| wrong(form));
        let values = match values.split_once("..") {
            None => values.split(',').map(number).collect::<Result<Vec<f64>>>()?,
            Some((from, rest)) => {
                let (to, step) = rest.split_once(':').ok_or_else(|| wrong(form))?;
                let (from, to, step) = (number(from)?, number(to)?, number(step)?);
                if step <= 0.0 || to < from {
                    return Err(wrong("must rise: FROM below TO, and a STEP above 0"));
                }
                let count = ((to - from) / step + 1e-9).floor();
                if count >= MOST as f64 {
                    return Err(wrong("has more than 1000 values: take a larger STEP"));
                }
                // 0.1 + 2 * 0.1 is 0.3 here
                let at = |i: usize| format!("{:.9e}", from + i as f64 * step).parse().unwrap_or(from);
                (0..=count as usize).map(at).collect()
            }
        };
        Ok(Sweep { name: name.trim().to_string(), values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_are_what_they_say() {
        let sweep: Sweep = "temperature=0.1..0.5:0.1".parse().unwrap();
        assert_eq!(sweep.values, [0.1, 0.2, 0.3, 0.4, 0.5]);
        assert_eq!("top-k=1,5".parse::<Sweep>().unwrap().values, [1.0, 5.0]);
        for wrong in
            ["temperature", "temperature=1..0:0.1", "temperature=0..1", "temperature=0..1e9:1e-9", "top-k=x"]
        {
            assert!(wrong.parse::<Sweep>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_swept_processor_stands_where_the_order_has_it() {
        let base = Setting::parse("top-k=5,top-p=0.9").unwrap();
        assert_eq!(base.with("temperature", 0.5).unwrap().name, "temperature 0.5, top-k 5, top-p 0.9");
        assert_eq!(base.with("top-k", 7.0).unwrap().name, "top-k 7, top-p 0.9");
        assert_eq!(base.with("beam", 3.0).unwrap().name, "beam 3, top-k 5, top-p 0.9");
        // as the flags are also called
        let by_alias = Setting::parse("temp=0.5,topp=0.9").unwrap();
        assert_eq!(by_alias.name, "temperature 0.5, top-p 0.9");
        assert_eq!(base.with("temp", 0.5).unwrap().swept, [("temperature".to_string(), 0.5)]);
        assert_eq!(base.with("num_beams", 3.0).unwrap().swept, [("beam".to_string(), 3.0)]);
        assert!(base.with("top-z", 1.0).is_err() && base.with("top-p", 7.0).is_err());
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        for wrong in [
            "beam=x",
            "beam=0",
            "length-penalty=2",
            "top-q=1",
            "beam=2,early-stopping=perhaps",
            "exact,greedy",
            "beam=2,beam=2",
        ] {
            assert!(Setting::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            Setting::parse("beam=2,length-penalty=0,top-k=5").unwrap().name,
            "beam 2, length-penalty 0, top-k 5"
        );
        let texts = [
            "beam=4",
            "beam=4,early-stopping=true",
            "beam=4,early-stopping=never",
            "top-p=0.9",
            "top-p=0.9000001",
        ];
        let names: Vec<String> = texts.iter().map(|text| Setting::parse(text).unwrap().name).collect();
        assert_eq!(
            names,
            [
                "beam 4",
                "beam 4, early-stopping true",
                "beam 4, early-stopping never",
                "top-p 0.9",
                "top-p 0.9000001"
            ]
        );
        assert_eq!(Setting::parse("xtc(probability=0.5,threshold=0.1)").unwrap().strategy, Strategy::Sample);
    }
}
