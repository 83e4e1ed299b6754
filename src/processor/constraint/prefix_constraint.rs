use std::collections::HashMap;
use std::path::Path;

use crate::processor::method::*;
use crate::source::text::lines::Lines;

/// Prefix constraint: which tokens may follow the generated ids, by a table in a file.
///
/// The file is JSON Lines, `{"prefix":[ids],"allowed":[ids]}`: after exactly these generated ids (the prompt is not among them)
/// every token but the allowed ones gets −∞. What transformers 5 does with a function, `prefix_allowed_tokens_fn`, here with data:
/// a tree of the permitted outputs.
///
/// Where every allowed token is masked, nothing is left, which is an error. transformers 5.24 gives the allowed tokens a score of 0
/// there instead (with beams, where it holds for all beams of a sequence).
///
/// - `input`: the file, a path from the working directory.
/// - `missing`: what a prefix means that the file doesn't name: `"error"` (default, since a constraint that quietly ends isn't
///   one) or `"free"` (everything may follow).
///
/// ```
/// use tokpick::processor::{Chain, Context, Missing, prefix_constraint};
///
/// let file = std::env::temp_dir().join("tokpick-doc-prefix-constraint.jsonl");
/// std::fs::write(&file, "{\"prefix\":[],\"allowed\":[1,2]}\n{\"prefix\":[2],\"allowed\":[0]}\n").unwrap();
/// let chain = Chain::new([prefix_constraint(&file.to_string_lossy(), Missing::Error)?]);
///
/// let mut cx = Context { context: &[7, 2], prompt_len: 1, ..Context::default() };
/// let kept = chain.after(&cx, &[9.0, 1.0, 3.0])?; // one id is generated: 2
/// assert_eq!(kept.members().collect::<Vec<_>>(), [(0, 9.0)]);
///
/// cx.context = &[7, 1];
/// let error = chain.after(&cx, &[9.0, 1.0, 3.0]).unwrap_err();
/// assert!(error.to_string().contains("no line for the prefix [1]"));
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// A file that can't be read; a line that is not `{"prefix":[ids],"allowed":[ids]}`, allows nothing, or names a prefix again.
pub fn prefix_constraint(input: &str, missing: Missing) -> Result<Stage> {
    let mut lines = Lines::open(Path::new(input))?;
    let mut allowed = HashMap::new();
    while lines.advance()? {
        let wrong = |what: String| lines.bad(what);
        let line: Line = serde_json::from_slice(&lines.text)
            .map_err(|e| wrong(format!("{e}; each line is {{\"prefix\":[ids],\"allowed\":[ids]}}")))?;
        if line.allowed.is_empty() {
            return Err(wrong("no token is allowed: name at least one, the end token where it ends".into()));
        }
        if let Some(twice) = allowed.insert(line.prefix, param::sorted(line.allowed)) {
            return Err(wrong(format!("the prefix came before, with {twice:?}: name it once")));
        }
    }
    Ok(Arc::new(PrefixConstraint { input: input.to_string(), missing, allowed }))
}

pub(super) static INFO: Info = Info {
    name: "prefix_constraint",
    summary: "allows after each generated prefix the tokens that a file names",
    source: "transformers 5",
    flags: &[
        Flag::of("prefix-constraint", "input", FilePath, ""),
        Flag::of(
            "prefix-constraint-missing",
            "missing",
            Word,
            "A prefix that the constraint's file lacks: error (default) or free",
        ),
    ],
    needs: Needs::HISTORY,
    places: Places { hf: (Logits, 8), ..Places::GUEST_LOGITS },
    parse: |form| {
        let p: Parameters = param::read(&INFO, form)?;
        prefix_constraint(&p.input, p.missing)
    },
    ..Info::CONSTRAINT
};

/// What it means that a table has no line for a prefix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// It must not be asked for.
    #[default]
    Error,
    /// Every token may follow.
    Free,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    input: String,
    #[serde(default)]
    missing: Missing,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    prefix: Vec<TokenId>,
    allowed: Vec<TokenId>,
}

struct PrefixConstraint {
    input: String,
    missing: Missing,
    allowed: HashMap<Vec<TokenId>, Vec<TokenId>>,
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

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        match self.allowed.get(cx.generated()) {
            Some(ids) => {
                param::inside(INFO.name, ids, c.vocab())?;
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
