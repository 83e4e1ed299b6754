//! What is known of a method without building it: plain data, from which flags, help, orders, imports and tables are made.

use std::fmt;

use serde_json::Value;

use super::flag::MIN_TOKENS_TO_KEEP;
use super::{Flag, Needs, Places, Stage};
use crate::Result;

/// What a processor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Changes the shape of the distribution and removes nothing.
    Shape,
    /// Removes improbable (or all too probable) tokens.
    Truncation,
    /// Looks at the tokens so far.
    History,
    /// Allows, forbids or forces given tokens.
    Constraint,
    /// Needs the logits of a second model.
    TwoModel,
}

impl Kind {
    /// The heading of its flags.
    pub fn heading(self) -> &'static str {
        match self {
            Kind::Shape => "Shape",
            Kind::Truncation => "Truncation",
            Kind::History => "History penalties",
            Kind::Constraint => "Constraints",
            Kind::TwoModel => "Two models",
        }
    }
}

/// What is known of a kind of processor; each has one, in its own file.
pub struct Info {
    /// Its name in chains and JSON: Hugging Face's, or that of the engine that introduced it.
    pub name: &'static str,
    /// What it is for.
    pub kind: Kind,
    /// What it does, in one line.
    pub summary: &'static str,
    /// The paper or engine that it comes from.
    pub source: &'static str,
    /// The value at which it does nothing.
    pub off: Off,
    /// Its flags. The first one stands for the processor, and its help is the summary.
    pub flags: &'static [Flag],
    /// The parameter that a lone value sets, where that isn't the first flag's.
    pub lone: Option<&'static str>,
    /// Flags of parameters that it shares with other processors: one flag sets them in all.
    pub shared: &'static [&'static Flag],
    /// It never removes or overtakes the most probable token: greedy search does without it.
    pub keeps_the_best: bool,
    /// What it looks at, for any parameters.
    pub needs: Needs,
    /// What it is told of a run, where it isn't given.
    pub facts: &'static [Fact],
    /// The processor in whose presence it is left out.
    pub gives_way_to: Option<&'static str>,
    /// The processor whose place it takes, with its value as the parameter of the same name, while its own flag is not at its off
    /// value.
    pub takes_over: Option<&'static str>,
    /// It decides the first generated token alone: generation begins one later for the others.
    pub takes_first: bool,
    /// Its place in the engines' orders.
    pub places: Places,
    /// Its field in transformers' `generation_config.json`.
    pub config: Config,
    /// Reads its parameters from their JSON form: the value, or an object of its parameters.
    pub parse: fn(&Value) -> Result<Stage>,
}

impl Info {
    /// What shapes have in common.
    pub(super) const SHAPE: Info = Info::of(Kind::Shape, Places::GUEST_SHAPE);
    /// What truncations have in common.
    pub(super) const TRUNCATION: Info = Info {
        shared: &[&MIN_TOKENS_TO_KEEP],
        keeps_the_best: true,
        ..Info::of(Kind::Truncation, Places::GUEST_SAMPLING)
    };
    /// What truncations of transformers have in common that keep more tokens in beam sampling.
    pub(super) const WARPER: Info = Info { facts: &[Fact::MinTokensToKeep], ..Info::TRUNCATION };
    /// What looks at the history has in common.
    pub(super) const HISTORY: Info =
        Info { needs: Needs::HISTORY, ..Info::of(Kind::History, Places::GUEST_LOGITS) };
    /// What constraints have in common.
    pub(super) const CONSTRAINT: Info = Info::of(Kind::Constraint, Places::GUEST_LOGITS);
    /// What methods of two models have in common.
    pub(super) const TWO_MODEL: Info = Info::of(Kind::TwoModel, Places::ROW);

    const fn of(kind: Kind, places: Places) -> Info {
        Info {
            name: "",
            kind,
            summary: "",
            source: "",
            off: Off::Unset,
            flags: &[],
            lone: None,
            shared: &[],
            keeps_the_best: false,
            needs: Needs::NOTHING,
            facts: &[],
            gives_way_to: None,
            takes_over: None,
            takes_first: false,
            places,
            config: Config::None,
            parse: |form| Err(crate::Error::setting("chain", form, "can't be read")),
        }
    }

    /// Whether a JSON form of its parameters, or its lone value, has the value at which it does nothing.
    pub fn is_off(&self, form: &Value) -> bool {
        let parameter = |name: &str| match form {
            Value::Object(parameters) => parameters.get(name),
            lone => Some(lone).filter(|_| name == self.lone_parameter()),
        };
        let number = |name| parameter(name).and_then(Value::as_f64);
        let lone = self.lone_parameter();
        match self.off {
            Off::Unset => false,
            Off::False => parameter(lone) == Some(&Value::Bool(false)),
            Off::Empty => parameter(lone).and_then(Value::as_array).is_some_and(Vec::is_empty),
            Off::Number(off) => number(lone) == Some(off),
            Off::AtMost(most) => number(lone).is_some_and(|x| x <= most),
            Off::All(all) => all.iter().all(|&(name, off)| number(name) == Some(off)),
        }
    }

    /// Its JSON form: the object of its parameters, or the value where the lone one is all there is.
    pub(super) fn written(&self, parameters: Value) -> Value {
        match parameters {
            Value::Object(mut object) if object.len() == 1 => {
                object.remove(self.lone_parameter()).unwrap_or(Value::Object(object))
            }
            other => other,
        }
    }

    /// The flag that stands for it, with its hyphens.
    pub fn flag(&self) -> String {
        self.flags.first().map_or(String::new(), |flag| format!("--{}", flag.long))
    }

    /// The parameter that a lone value sets.
    pub fn lone_parameter(&self) -> &'static str {
        self.lone.or(self.flags.first().map(|flag| flag.parameter)).unwrap_or("value")
    }

    /// The parameters of a JSON form: a lone value counts as an object of one.
    pub fn parameters(&self, form: Value) -> serde_json::Map<String, Value> {
        match form {
            Value::Object(parameters) => parameters,
            lone => serde_json::Map::from_iter([(self.lone_parameter().to_string(), lone)]),
        }
    }
}

/// The values at which a processor does nothing.
///
/// ```
/// use tokpick::processor::Off;
/// assert_eq!(Off::Number(1.0).to_string(), "1");
/// assert_eq!(Off::All(&[("alpha", 0.0), ("beta", 0.0)]).to_string(), "alpha 0 and beta 0");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Off {
    /// There is none: it is off where it isn't set.
    Unset,
    /// A switch that is off.
    False,
    /// An empty list.
    Empty,
    /// This number.
    Number(f64),
    /// This number, and every smaller one.
    AtMost(f64),
    /// These parameters together, each with its number.
    All(&'static [(&'static str, f64)]),
}

impl Off {
    /// The lone number that does nothing, where there is one.
    pub fn number(self) -> Option<f64> {
        match self {
            Off::Number(off) | Off::AtMost(off) => Some(off),
            _ => None,
        }
    }

    /// The number of one of several parameters that do nothing together.
    pub fn of(self, parameter: &str) -> Option<f64> {
        let Off::All(all) = self else { return None };
        all.iter().find(|(name, _)| *name == parameter).map(|(_, off)| *off)
    }

    /// The end of a range in words, where the off value is a number: what that number does.
    pub(super) fn does(self, what: &str) -> String {
        match self {
            Off::Number(off) => format!(" ({off} {what})"),
            Off::AtMost(most) => format!(" ({most} or less {what})"),
            _ => String::new(),
        }
    }
}

impl fmt::Display for Off {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Off::Unset => f.write_str("not set"),
            Off::False => f.write_str("false"),
            Off::Empty => f.write_str("[]"),
            Off::Number(off) | Off::AtMost(off) => off.fmt(f),
            Off::All(all) => {
                let all: Vec<String> = all.iter().map(|(name, off)| format!("{name} {off}")).collect();
                f.write_str(&all.join(" and "))
            }
        }
    }
}

/// What a run knows and a processor may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// The end tokens; without them it does nothing.
    Eos,
    /// The end tokens, if there are any.
    EosIfAny,
    /// The ids that the encoder read: those of the prompt.
    EncoderIds,
    /// How long prompt and generated ids together can become.
    MaxLength,
    /// Where generation begins: one later behind a forced first token.
    BeginIndex,
    /// How many tokens a truncation keeps at least: in beam sampling, what transformers keeps there.
    MinTokensToKeep,
}

/// How a field of transformers' `generation_config.json` becomes a processor.
#[derive(Debug, Clone, Copy)]
pub enum Config {
    /// There is none.
    None,
    /// The field of the same name holds the value.
    Value,
    /// The lone value, a number; where this holds of it, transformers makes no processor.
    ValueUnless(fn(f64) -> bool),
    /// The lone value, a list of ids; negative ones name no token, and transformers ignores them.
    Ids,
    /// The field of the same name holds this parameter.
    Parameter(&'static str),
    /// The field of the same name holds a pair of these parameters.
    Pair(&'static str, &'static str),
}
