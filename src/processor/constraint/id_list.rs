//! Constraints by a list of ids.

use crate::processor::method::*;

/// A constraint by a list of ids.
pub(super) struct IdList {
    pub info: &'static Info,
    /// What is done to the ids, which ascend.
    pub apply: fn(&mut Candidates, &[TokenId]),
}

impl IdList {
    /// The constraint by these ids.
    pub fn stage(&'static self, ids: Vec<TokenId>) -> Stage {
        Arc::new(Listed { method: self, ids: param::sorted(ids) })
    }

    /// Reads the ids of the JSON form.
    ///
    /// # Errors
    /// What is no such form.
    pub fn read(&self, form: &Value) -> Result<Vec<TokenId>> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Parameters {
            #[serde(deserialize_with = "param::ids")]
            ids: Vec<TokenId>,
        }
        Ok(param::read::<Parameters>(self.info, form)?.ids)
    }
}

struct Listed {
    method: &'static IdList,
    ids: Vec<TokenId>,
}

impl Processor for Listed {
    fn info(&self) -> &'static Info {
        self.method.info
    }

    fn json(&self) -> Value {
        self.ids.clone().into()
    }

    fn is_off(&self) -> bool {
        self.ids.is_empty()
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(self.method.info.name, &self.ids, c.vocab())?;
        (self.method.apply)(c, &self.ids);
        Ok(())
    }
}
