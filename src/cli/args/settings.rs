//! The chain: processor flags, their order, or all of it at once.

use std::path::PathBuf;

use clap::Args;

use super::{ProcessorFlags, TextArgs};

#[derive(Args, Clone)]
pub struct SettingsArgs {
    #[command(flatten)]
    pub flags: ProcessorFlags,
    #[command(flatten)]
    pub texts: TextArgs,
    /// The order of the processors: hf (default), llama.cpp, vllm, or a list of names
    #[arg(long, value_name = "ORDER", help_heading = "Chain")]
    pub order: Option<String>,
    /// Processors and order at once: "temperature=0.8,top-k=40,xtc(probability=0.5,threshold=0.1)", or JSON as recorded
    #[arg(long, value_name = "CHAIN", help_heading = "Chain", allow_hyphen_values = true)]
    pub chain: Option<String>,
    /// Settings from a Hugging Face generation_config.json; flags win
    #[arg(long, value_name = "FILE", help_heading = "Chain")]
    pub generation_config: Option<PathBuf>,
    /// Settings from a JSON object as OpenAI-style servers take it; flags win
    #[arg(long, value_name = "FILE", help_heading = "Chain")]
    pub sampling_params: Option<PathBuf>,
}
