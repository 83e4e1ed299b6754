//! Constraints that bar the end until there are so many tokens.

use crate::processor::method::*;

/// A minimum of tokens before the end.
pub(super) struct Minimum {
    pub info: &'static Info,
    /// The tokens that count.
    pub length: fn(&Context<'_>) -> usize,
}

impl Minimum {
    /// No end token before so many tokens.
    pub fn stage(&'static self, value: usize, eos_token_id: Vec<TokenId>) -> Stage {
        Arc::new(Barred { method: self, bar: Bar { value, eos_token_id: param::sorted(eos_token_id) } })
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// What is no such form.
    pub fn read(&'static self, form: &Value) -> Result<Stage> {
        Ok(Arc::new(Barred { method: self, bar: param::read(self.info, form)? }))
    }
}

struct Barred {
    method: &'static Minimum,
    bar: Bar,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bar {
    value: usize,
    #[serde(deserialize_with = "param::ids")]
    eos_token_id: Vec<TokenId>,
}

impl Processor for Barred {
    fn info(&self) -> &'static Info {
        self.method.info
    }

    fn json(&self) -> Value {
        param::object(&self.bar)
    }

    fn is_off(&self) -> bool {
        self.bar.value == 0
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(self.method.info.name, &self.bar.eos_token_id, c.vocab())?;
        if (self.method.length)(cx) < self.bar.value {
            c.mask_each(&self.bar.eos_token_id);
        }
        Ok(())
    }
}
