//! Penalties on the tokens of a window of the history.

use super::tally::Tally;
use super::{Scope, Window, window};
use crate::processor::method::*;

/// The window of these penalties.
pub(super) static LAST_N: Flag = Flag::of(
    "penalty-last-n",
    "last_n",
    Integer,
    "How many of the newest ids these three count: -1 all (default), 0 none",
)
.also(&["repeat-last-n", "repetition-context-size"]);

/// Whether they count the prompt.
pub(super) static SCOPE: Flag = Flag::of(
    "penalty-scope",
    "scope",
    Word,
    "Which ids these three count: all (default of repetition) or generated (of the others)",
);

/// A penalty on the tokens of a window.
pub(super) struct Penalty {
    pub info: &'static Info,
    /// The values that are allowed, as a test and in words.
    pub range: (fn(f64) -> bool, &'static str),
    /// What is counted unless told otherwise.
    pub scope: Scope,
    /// What the tokens of a window lose, counted by the tally.
    pub apply: fn(&mut Candidates, &mut Tally, &[TokenId], f64),
}

impl Penalty {
    /// The penalty of this value, on a window.
    ///
    /// # Errors
    /// A value out of range.
    pub fn stage(&'static self, value: f64, window: Window) -> Result<Stage> {
        let Info { name, off, .. } = *self.info;
        param::check(name, value, (self.range.0)(value), || {
            format!("{}{}", self.range.1, off.does("is off"))
        })?;
        let off = self.info.is_off(&value.into()) || window.is_empty();
        Ok(Arc::new(OnWindow { method: self, value, window, off }))
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// What is no such form, or out of range.
    pub fn read(&'static self, form: &Value) -> Result<Stage> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Parameters {
            value: f64,
            #[serde(default = "window::all")]
            last_n: i64,
            scope: Option<Scope>,
        }
        let p: Parameters = param::read(self.info, form)?;
        self.stage(p.value, Window::new(p.last_n, p.scope.unwrap_or(self.scope))?)
    }
}

struct OnWindow {
    method: &'static Penalty,
    value: f64,
    window: Window,
    off: bool,
}

impl Processor for OnWindow {
    fn info(&self) -> &'static Info {
        self.method.info
    }

    fn json(&self) -> Value {
        if self.window.last_n() == window::all() && self.window.scope() == self.method.scope {
            return self.value.into();
        }
        json!({"value": self.value, "last_n": self.window.last_n(), "scope": self.window.scope()})
    }

    fn is_off(&self) -> bool {
        self.off
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        scratch::with(|s| (self.method.apply)(c, &mut s.tally, self.window.ids(cx), self.value));
        Ok(())
    }
}
