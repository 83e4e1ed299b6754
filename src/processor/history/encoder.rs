//! What the methods on the encoder's input share.

use crate::processor::method::*;

/// The ids that the encoder read.
pub(super) static ENCODER_IDS: Flag = Flag::of(
    "encoder-ids",
    "encoder_ids",
    Ids,
    "The encoder's input for the two processors above (default: the prompt)",
);
