//! The parameters of all engines, under the names that Hugging Face gives them, or else the engine that has them.

use serde_json::Value;

use crate::{Error, Result};

/// A parameter as JSON writes it.
trait FromJson: Sized {
    /// What a value must be, for messages.
    const MUST_BE: &str;

    fn from_json(value: &Value) -> Option<Self>;
}

impl FromJson for f64 {
    const MUST_BE: &str = "a number";

    fn from_json(value: &Value) -> Option<Self> {
        value.as_f64()
    }
}

impl FromJson for i64 {
    const MUST_BE: &str = "a number";

    fn from_json(value: &Value) -> Option<Self> {
        value.as_f64().map(|x| x as i64)
    }
}

impl FromJson for bool {
    const MUST_BE: &str = "true or false";

    fn from_json(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl FromJson for String {
    const MUST_BE: &str = "a string";

    fn from_json(value: &Value) -> Option<Self> {
        value.as_str().map(String::from)
    }
}

impl FromJson for Vec<Vec<u32>> {
    const MUST_BE: &str = "lists of ids";

    fn from_json(value: &Value) -> Option<Self> {
        serde_json::from_value(value.clone()).ok()
    }
}

impl FromJson for Vec<(u32, f64)> {
    const MUST_BE: &str = "pairs of an id and a number";

    fn from_json(value: &Value) -> Option<Self> {
        let pairs: Vec<(u32, Value)> = serde_json::from_value(value.clone()).ok()?;
        let number = |v: &Value| if v == "-inf" { Some(f64::NEG_INFINITY) } else { v.as_f64() };
        pairs.iter().map(|(id, v)| Some((*id, number(v)?))).collect()
    }
}

macro_rules! params {
    ($( $(#[$doc:meta])* $name:ident: $kind:ty, )*) => {
        /// What an engine was told besides its seed. A parameter left out is off: no replay sets one by itself.
        ///
        /// Each engine takes some of these and refuses the others by name
        /// ([`EngineInfo::parameters`](super::EngineInfo)).
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct Params {
            $( $(#[$doc])* pub $name: Option<$kind>, )*
            /// The order of the engine's own filters, where it differs from
            /// [`EngineInfo::order`](super::EngineInfo).
            pub order: Option<Vec<String>>,
        }

        impl Params {
            /// The names of the parameters that are set.
            pub fn given(&self) -> Vec<&'static str> {
                let mut names = Vec::new();
                $( if self.$name.is_some() { names.push(stringify!($name)); } )*
                if self.order.is_some() { names.push("order"); }
                names
            }

            /// The names of all parameters but the order.
            pub const NAMES: &[&str] = &[$( stringify!($name), )*];

            /// Sets a parameter from JSON; false where there is none of this name.
            ///
            /// ```
            /// use tokpick::engine::Params;
            /// let mut params = Params::default();
            /// assert!(params.set("top_k", &40.into())?);
            /// assert!(!params.set("top_q", &40.into())?);
            /// assert_eq!(params.top_k, Some(40));
            /// # Ok::<(), tokpick::Error>(())
            /// ```
            ///
            /// # Errors
            /// A value of another type.
            pub fn set(&mut self, name: &str, value: &Value) -> Result<bool> {
                match name {
                    $( stringify!($name) => {
                        let wrong = || Error::setting(name, value, format!("must be {}", <$kind>::MUST_BE));
                        self.$name = Some(<$kind>::from_json(value).ok_or_else(wrong)?);
                    } )*
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }
    };
}

params! {
    /// Divides the logits. Off: 1. 0 is greedy in the engines that have it.
    temperature: f64,
    /// Keeps the k best tokens. Off: 0.
    top_k: i64,
    /// Keeps the best tokens up to this mass. Off: 1.
    top_p: f64,
    /// Keeps tokens whose probability reaches this share of the best one's. Off: 0.
    min_p: f64,
    /// Keeps the tokens whose surprise is nearest to the entropy, up to this mass. Off: 1.
    typical_p: f64,
    /// Keeps logits within this many standard deviations of the best. Off: 0.
    top_n_sigma: f64,
    /// The chance that the most probable tokens are excluded. Off: 0.
    xtc_probability: f64,
    /// The probability from which tokens may be excluded.
    xtc_threshold: f64,
    /// How many tokens the truncations keep at least.
    min_tokens_to_keep: i64,
    /// Divides or multiplies the logits of ids that occurred. Off: 1.
    repetition_penalty: f64,
    /// Subtracted once for each occurrence. Off: 0.
    frequency_penalty: f64,
    /// Subtracted if the id occurred. Off: 0.
    presence_penalty: f64,
    /// How many of the last ids the penalties look at: −1 all of them, 0 none.
    penalty_last_n: i64,
    /// The weight of DRY. Off: 0; a negative one rewards.
    dry_multiplier: f64,
    /// The growth of DRY with each repeated token.
    dry_base: f64,
    /// How long a repetition DRY lets pass.
    dry_allowed_length: i64,
    /// How many of the last ids DRY looks at: −1 all of them, 0 none.
    dry_last_n: i64,
    /// Id sequences that DRY does not look across.
    dry_breakers: Vec<Vec<u32>>,
    /// Added to the logits of these ids.
    logit_bias: Vec<(u32, f64)>,
    /// How far the temperature moves with the entropy, both ways. Off: 0.
    dynamic_temperature_range: f64,
    /// The power of the entropy in the dynamic temperature.
    dynamic_temperature_exponent: f64,
    /// The version of mirostat: 1 or 2; 0 is off.
    mirostat: i64,
    /// The surprise in bits that mirostat steers to.
    mirostat_tau: f64,
    /// How fast mirostat steers.
    mirostat_eta: f64,
    /// From how many of the best tokens mirostat 1 estimates the slope.
    mirostat_m: i64,
    /// The probability that adaptive-p steers to; a negative one samples as it is.
    adaptive_target: f64,
    /// How long adaptive-p remembers.
    adaptive_decay: f64,
    /// The seed of each row, separated by commas; `none` for a row that uses the global generator.
    row_seeds: String,
    /// The position of the first step: the index of the token that was fed to get its logits, counted from 0. One number,
    /// or one for each row, separated by commas.
    position: String,
    /// Whether the batch held a request with top_k, top_p or temperature 0 beside this one.
    filtered_batch: bool,
    /// How many ids one call draws.
    num_samples: i64,
    /// Whether one call may draw an id twice.
    replacement: bool,
}
