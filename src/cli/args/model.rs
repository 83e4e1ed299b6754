//! A live model as input.

use std::time::Duration;

use clap::Args;
use tokpick::source::{DtypeHint, ModelCommand, Protocol};
use tokpick::system::end_with_signals;
use tokpick::{Error, Result};

use crate::cli::named::parse;

#[derive(Args, Clone)]
#[command(next_help_heading = "Live model")]
pub struct ModelArgs {
    /// A command that answers `{"prefix":[ids]}` with `{"logits":[…]}`, a line each; instead of INPUT
    #[arg(long, value_name = "COMMAND")]
    pub model_command: Option<String>,
    /// How it answers (default json): json, or npy for large vocabularies
    #[arg(long, value_name = "json|npy", requires = "model_command", value_parser = parse::<Protocol>)]
    pub model_protocol: Option<Protocol>,
    /// How many seconds an answer may take, the loading of the model included (default 300; 0: for ever)
    #[arg(long, value_name = "SECONDS", requires = "model_command", allow_hyphen_values = true)]
    pub model_timeout: Option<f64>,
}

impl ModelArgs {
    /// The command, if one is given.
    ///
    /// # Errors
    /// A timeout out of range.
    pub fn command(&self, dtype: Option<DtypeHint>) -> Result<Option<ModelCommand>> {
        let Some(command) = &self.model_command else { return Ok(None) };
        let mut model = ModelCommand { dtype, ..ModelCommand::new(command) };
        model.protocol = self.model_protocol.unwrap_or_default();
        if let Some(seconds) = self.model_timeout {
            let refuse = |_| {
                let what = "must be a number of seconds from 0 (for ever) to 1.8e19";
                Error::setting("--model-timeout", seconds, what)
            };
            // what rounds to nothing is no time, not for ever
            let timeout = Duration::try_from_secs_f64(seconds).map_err(refuse)?.max(Duration::from_nanos(1));
            model.timeout = Some(timeout).filter(|_| seconds != 0.0);
        }
        end_with_signals().map_err(|source| Error::Io { file: "signal handlers".to_string(), source })?;
        Ok(Some(model))
    }
}
