//! tokpick's tests: one module for each promise, in one program.

mod support;

mod allocations;
mod beam;
mod beam_draws;
mod chacha8_v1;
mod chains;
mod checks;
mod cli;
mod corpus;
mod distribution;
#[cfg(unix)]
mod docs;
mod draws;
mod edges;
mod embedded;
mod exact;
mod false_alarms;
#[cfg(unix)]
mod faults;
mod formats;
mod history;
mod house;
mod inputs;
mod invariance;
mod json_fields;
mod kld;
mod laws;
mod logprobs;
mod masks;
mod meaning;
mod metamorphic;
mod model;
#[cfg(unix)]
mod page;
mod paths;
mod record;
mod reference_llama_cpp;
mod reference_processors;
mod servers;
mod show;
mod statistics;
mod tables;
mod terminals;
mod text;
mod tiny_lm;
#[cfg(unix)]
mod unfinished;
