//! The samplers against the engine.
