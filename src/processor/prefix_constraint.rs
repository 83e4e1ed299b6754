use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{Candidates, Context, Info, Kind, Needs, Processor, param};
use crate::source::text::lines::Lines;
use crate::{Error, Place, Result, TokenId};

/// Prefix constraint: which tokens may follow the generated ids, by a table in a file.
///
/// The file is JSON Lines, `{"prefix":[ids],"allowed":[ids]}`: after exactly these generated ids (the prompt is not among them)
/// every token but the allowed ones gets −∞. What transformers 5 does with a function, `prefix_allowed_tokens_fn`, here with data:
/// a tree of the permitted outputs.
///
/// - `input`: the file, a path from the working directory.
/// - `missing`: what a prefix means that the file doesn't name: `"error"` (default, since a constraint that quietly ends isn't
///   one) or `"free"` (everything may follow).
///
/// ```
/// use tokpick::{processor::{Candidates, Context}, settings};
/// use tokpick::source::Row;
///
/// let file = std::env::temp_dir().join("tokpick-doc-prefix-constraint.jsonl");
/// std::fs::write(&file, "{\"prefix\":[],\"allowed\":[1,2]}\n{\"prefix\":[2],\"allowed\":[0]}\n").unwrap();
/// let form = serde_json::json!([{"prefix_constraint": {"input": file, "missing": "error"}}]);
/// let chain = settings::chain(&form.to_string())?;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![9.0, 1.0, 3.0]), 0, 0)?;
/// let mut cx = Context { context: &[7, 2], prompt_len: 1, sequence: 0, step: 1, coins: &0.0 };
/// chain.apply(&mut c, &cx)?;                     // one id is generated: 2
/// assert_eq!(c.members().collect::<Vec<_>>(), [(0, 9.0)]);
///
/// cx.context = &[7, 1];
/// assert!(chain.apply(&mut c, &cx).unwrap_err().to_string().contains("no line for the prefix [1]"));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct PrefixConstraint {
    input: String,
    missing: Missing,
    allowed: HashMap<Vec<TokenId>, Vec<TokenId>>,
}

/// What it means that a table has no line for a prefix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// It must not be asked for.
    #[default]
    Error,
    /// Every token may follow.
    Free,
}

const NAME: &str = "prefix_constraint";

pub(super) static INFO: Info = Info {
    name: NAME,
    kind: Kind::Constraint,
    flag: "--prefix-constraint",
    off: "not set",
    summary: "allows after each generated prefix the tokens that a file names",
    source: "transformers 5",
    parse: |form| {
        let p: Parameters = param::read(NAME, "input", form)?;
        Ok(Box::new(PrefixConstraint::open(&p.input, p.missing)?))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    input: String,
    #[serde(default)]
    missing: Missing,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    prefix: Vec<TokenId>,
    allowed: Vec<TokenId>,
}

impl PrefixConstraint {
    /// Reads the table.
    ///
    /// # Errors
    /// A file that can't be read; a line that is not `{"prefix":[ids],"allowed":[ids]}`, allows nothing, or names a prefix again.
    pub fn open(input: &str, missing: Missing) -> Result<Self> {
        let mut lines = Lines::open(Path::new(input))?;
        let mut allowed = HashMap::new();
        while lines.advance()? {
            let wrong = |what: String| lines.bad(what);
            let line: Line = serde_json::from_slice(&lines.text)
                .map_err(|e| wrong(format!("{e}; each line is {{\"prefix\":[ids],\"allowed\":[ids]}}")))?;
            if line.allowed.is_empty() {
                return Err(wrong(
                    "no token is allowed: name at least one, the end token where it ends".into(),
                ));
            }
            if let Some(twice) = allowed.insert(line.prefix, param::sorted(line.allowed)) {
                return Err(wrong(format!("the prefix came before, with {twice:?}: name it once")));
            }
        }
        Ok(PrefixConstraint { input: input.to_string(), missing, allowed })
    }
}

impl Processor for PrefixConstraint {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        match self.missing {
            Missing::Error => self.input.clone().into(),
            Missing::Free => json!({"input": self.input, "missing": self.missing}),
        }
    }

    fn needs(&self) -> Needs {
        Needs { history: true, ..Needs::default() }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        match self.allowed.get(cx.generated()) {
            Some(ids) => {
                param::inside(NAME, ids, c.vocab())?;
                c.keep_ids(ids);
                Ok(())
            }
            None if self.missing == Missing::Free => Ok(()),
            None => Err(Error::input(
                &self.input,
                Place::row(cx.sequence, cx.step),
                format!(
                    "no line for the prefix {:?}: add one, or let unnamed prefixes be free (missing \"free\")",
                    cx.generated()
                ),
            )),
        }
    }
}
