//! Processors without a parameter: on or off.

use crate::processor::method::*;

/// A method that is on or off.
pub(super) struct OnOff {
    pub info: &'static Info,
    pub apply: fn(&mut Candidates),
}

impl OnOff {
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
    method: &'static OnOff,
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
