//! What ids are in text: a vocabulary, a tokenizer, or the folder of a model.

use std::path::PathBuf;

use clap::Args;
use tokpick::settings::model_dir;
use tokpick::text::Tokens;
use tokpick::{Error, Place, Result};

use crate::cli::note::{no_effect, note};

#[derive(Args, Clone)]
#[command(next_help_heading = "Input")]
pub struct VocabArgs {
    /// Token strings: a JSON list, a JSON object token → id, or text with a token a line; may be shorter than V; `-` is standard input.
    /// A tokenizer.json, too
    #[arg(long, value_name = "FILE")]
    pub vocab: Option<PathBuf>,
    /// A tokenizer.json of Hugging Face: text as its library decodes it, and texts as ids (`--prompt`, `--ids-text`, `--bad-words`)
    #[arg(long, value_name = "FILE", conflicts_with = "vocab")]
    pub tokenizer: Option<PathBuf>,
    /// The folder of a model: its tokenizer.json, and the end tokens of its generation_config.json, config.json or tokenizer_config.json
    /// (the other settings of generation_config.json: `--generation-config`)
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub model_dir: Option<PathBuf>,
    /// Leave special tokens out of texts (`<|im_end|>`, `</s>`)
    #[arg(long)]
    pub skip_special_tokens: bool,
}

impl VocabArgs {
    /// The strings of tokens, if a flag gives some.
    ///
    /// # Errors
    /// A file that can't be read, or is no vocabulary and no tokenizer.
    pub fn open(&self) -> Result<Option<Tokens>> {
        let tokens = self.vocab.as_ref().or(self.tokenizer.as_ref()).map(Tokens::open).transpose()?;
        if let (Some(path), Some(false)) = (&self.tokenizer, tokens.as_ref().map(Tokens::is_tokenizer)) {
            let what = "no tokenizer.json: give a list of token strings as --vocab";
            return Err(Error::input(path.display().to_string(), Place::default(), what));
        }
        let tokens = match &self.model_dir {
            Some(dir) => {
                let tokens = model_dir(dir, tokens)?;
                tokens.notes().iter().for_each(note);
                Some(tokens)
            }
            None => tokens,
        };
        let knows_special = tokens.as_ref().is_some_and(Tokens::is_tokenizer);
        if self.skip_special_tokens && !knows_special {
            no_effect(&["--skip-special-tokens"], "without a tokenizer, which knows the special tokens");
        }
        Ok(tokens.map(|tokens| tokens.skipping_special(self.skip_special_tokens)))
    }
}
