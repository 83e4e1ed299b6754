//! What every replay of a torch generator shares.

use super::seed;
use crate::engine::EngineInfo;
use crate::kernel::Mt;
use crate::{Error, Result};

/// What `torch.manual_seed` takes.
pub(in crate::engine) const SEEDS: &str =
    "a whole number from -2^63 to 2^64 - 1, of which the low 32 bits count";

/// The generator that `torch.manual_seed` leaves.
pub(in crate::engine) fn generator(info: &'static EngineInfo, seed: &str) -> Result<Mt> {
    let z = seed::whole(info, seed, i128::from(i64::MIN), i128::from(u64::MAX))?;
    Ok(Mt::new(z as u32))
}

/// Refuses more categories than `torch.multinomial` does.
pub(in crate::engine) fn check_categories(engine: &'static str, v: usize) -> Result<()> {
    if v > 1 << 24 {
        return Err(Error::engine_row(
            engine,
            0,
            format!("torch.multinomial takes at most 2^24 tokens, the vocabulary has {v}"),
        ));
    }
    Ok(())
}
