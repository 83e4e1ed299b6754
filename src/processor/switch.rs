//! Processors without a parameter: on or off.

use std::sync::Arc;

use serde_json::Value;

use super::{Candidates, Context, Info, Processor, Stage, param};
use crate::Result;

/// A method that is on or off.
pub(super) struct Switch {
    pub info: &'static Info,
    pub apply: fn(&mut Candidates),
}

impl Switch {
    /// The method, on or off.
    pub fn stage(&'static self, on: bool) -> Stage {
        Arc::new(Switched { method: self, on })
    }

    /// Reads the JSON form.
    pub fn read(&'static self, form: &Value) -> Result<Stage> {
        let p: param::Lone<param::Switch> = param::read(self.info, form)?;
        Ok(self.stage(p.value.0))
    }
}

struct Switched {
    method: &'static Switch,
    on: bool,
}

impl Processor for Switched {
    fn info(&self) -> &'static Info {
        self.method.info
    }

    fn json(&self) -> Value {
        self.on.into()
    }

    fn is_off(&self) -> bool {
        !self.on
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        (self.method.apply)(c);
        Ok(())
    }
}
