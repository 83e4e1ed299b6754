use clap::{Args, ValueEnum};
use serde_json::json;
use tokpick::render::Split;
use tokpick::source::{read_prose, read_text};
use tokpick::{Error, Result, TokenId};

use crate::cli::args::{ReportArgs, VocabArgs, texts};
use crate::cli::named::{Named, parse};
use crate::cli::note::missing;
use crate::cli::{Execute, Given, Screen, Status};

/// A row for each token: its id, its string in the vocabulary, what it adds to the text (the bytes of a part of a character), and whether
/// it is special or beyond the vocabulary.
#[derive(Args, Clone)]
pub struct Tokens {
    /// A text, or ids separated by blanks or commas; `-` is standard input
    #[arg(value_name = "TEXT|IDS", allow_hyphen_values = true, help_heading = None)]
    what: Option<String>,
    /// What it is: ids where it holds nothing else (auto, the default), text or ids
    #[arg(
        long = "as",
        value_name = "KIND",
        default_value = "auto",
        hide_default_value = true,
        help_heading = "Input"
    )]
    kind: Kind,
    /// Add the tokens that the tokenizer puts around a prompt (`<s>`, `[CLS]`)
    #[arg(long, help_heading = "Input")]
    add_special_tokens: bool,
    #[command(flatten)]
    vocab: VocabArgs,
    #[command(flatten)]
    report: ReportArgs<FormatName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Ids where it holds nothing else, else text
    Auto,
    /// Text
    Text,
    /// Ids
    Ids,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FormatName {
    /// A row for each token
    #[default]
    Text,
    /// One document
    Json,
    /// The ids alone, on one line
    Ids,
}

impl Execute for Tokens {
    const SCREEN: Screen = Screen {
        examples: &[
            "tokpick tokens \"Hello world\" --tokenizer tokenizer.json",
            "tokpick tokens \"15496 995\" --tokenizer tokenizer.json -f json",
        ],
        flags: &["as", "add-special-tokens", "tokenizer", "vocab", "skip-special-tokens", "format", "output"],
    };

    fn execute(self, _: &Given) -> anyhow::Result<Status> {
        let Some(what) = &self.what else { return Ok(Status::Helped) };
        let Some(tokens) = self.vocab.open()? else {
            let what = "how are texts split? give --tokenizer FILE, --vocab FILE or --model-dir DIR";
            return Err(Error::setting("--tokenizer", "(none)", what).into());
        };
        let what = match (what.as_str(), self.kind) {
            ("-", Kind::Text) => read_prose("-")?,
            ("-", Kind::Auto | Kind::Ids) => read_text("-")?,
            _ => what.clone(),
        };
        let ids = self.ids(&what, &tokens)?;
        let split = Split::new(&tokens, &ids);
        let mut out = self.report.open()?;
        let look = self.report.look(&out);
        out.write(|to| match self.report.format {
            FormatName::Text => split.text(&look, to),
            FormatName::Json => {
                let mut document = json!({"tokpick": env!("CARGO_PKG_VERSION")});
                if let (Some(document), Some(split)) = (document.as_object_mut(), split.json().as_object()) {
                    document.extend(split.clone());
                }
                writeln!(to, "{document}")
            }
            FormatName::Ids => {
                let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                writeln!(to, "{}", ids.join(" "))
            }
        })?;
        out.finish()?;
        missing(Some(&tokens));
        Ok(Status::Done)
    }
}

impl Tokens {
    fn ids(&self, what: &str, tokens: &tokpick::text::Tokens) -> Result<Vec<TokenId>> {
        let written = |c: char| c.is_ascii_digit() || c == ',' || c.is_ascii_whitespace();
        let is_ids = match self.kind {
            Kind::Auto => what.contains(|c: char| c.is_ascii_digit()) && what.chars().all(written),
            Kind::Text => false,
            Kind::Ids => true,
        };
        if what.is_empty() && !self.add_special_tokens {
            return Ok(Vec::new());
        }
        if is_ids {
            let named = parse::<Named>(what).map_err(|e| Error::setting("IDS", what, e))?;
            return named.resolve("IDS", Some(tokens));
        }
        if self.add_special_tokens {
            return tokens.encode(what, true).map_err(|e| Error::setting("TEXT", format!("{what:?}"), e));
        }
        // here a text that gives no token is no mistake
        texts::found("TEXT", what, tokens)
    }
}
