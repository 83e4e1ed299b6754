//! Truncations by one number: what reaches a threshold stays.

use crate::processor::method::*;
use serde::de::DeserializeOwned;
use std::fmt::Display;

/// A truncation by one number.
pub(super) struct Threshold<T: 'static = f64> {
    pub info: &'static Info,
    /// The numbers that are allowed, as a test and in words.
    pub range: (fn(T) -> bool, &'static str),
    /// What stays, and how many tokens at least.
    pub keep: fn(&mut Candidates, T, usize),
}

impl<T> Threshold<T>
where
    T: Copy + Display + Into<Value> + Send + Sync + DeserializeOwned,
{
    /// The truncation by this number, which leaves at least so many tokens.
    ///
    /// # Errors
    /// A number out of range.
    pub fn stage(&'static self, value: T, min_tokens_to_keep: usize) -> Result<Stage> {
        let Info { name, off, .. } = *self.info;
        let range = || format!("{}{}", self.range.1, off.does("keeps all"));
        param::check(name, value, (self.range.0)(value), range)?;
        let off = self.info.is_off(&value.into());
        Ok(Arc::new(At { rule: self, value, min_tokens_to_keep, off }))
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// What is no such form, or out of range.
    pub fn read(&'static self, form: &Value) -> Result<Stage> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Parameters<T> {
            value: T,
            #[serde(default = "param::one")]
            min_tokens_to_keep: usize,
        }
        let p: Parameters<T> = param::read(self.info, form)?;
        self.stage(p.value, p.min_tokens_to_keep)
    }
}

/// A truncation at its number.
struct At<T: 'static> {
    rule: &'static Threshold<T>,
    value: T,
    min_tokens_to_keep: usize,
    off: bool,
}

impl<T: Copy + Into<Value> + Send + Sync> Processor for At<T> {
    fn info(&self) -> &'static Info {
        self.rule.info
    }

    fn json(&self) -> Value {
        match self.min_tokens_to_keep {
            1 => self.value.into(),
            least => json!({"value": self.value.into(), "min_tokens_to_keep": least}),
        }
    }

    fn is_off(&self) -> bool {
        self.off
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        (self.rule.keep)(c, self.value, self.min_tokens_to_keep);
        Ok(())
    }
}
