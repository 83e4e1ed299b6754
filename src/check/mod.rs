//! Questions about a run: how probable were its tokens, is it what it claims to be, does another machine agree, and which engine
//! could have drawn it.
//!
//! | question | answer |
//! |---|---|
//! | how probable are these ids? | [`score`] |
//! | were these ids drawn from these logits, with this seed? | [`verify`] |
//! | how far apart are two files of logits? | [`diff`] |
//! | how far has a model gone from its base, as llama-perplexity tells it? | [`kl_statistics`] |
//! | do a server and a trainer agree on the tokens' log-probabilities, and if not, why? | [`compare_logprobs`] |
//! | are these sampling masks what the processors leave? | [`check_masks`] |
//! | which engine, order and batch draws these ids? | [`guess`] |
//! | how do strategies differ on these rows? | [`compare`] |
//! | is this run still what its record says? | [`Record`] |

mod addresses;
mod claims;
mod compare;
mod diff;
mod digest;
mod fields;
mod flips;
mod guess;
#[cfg(feature = "cli")]
mod hashing;
mod kl_statistics;
mod known;
mod logprobs;
mod mask;
mod noise;
mod orders;
pub mod overlap;
mod recipe;
mod record;
mod report;
mod score;
mod verdict;
mod verify;

pub use crate::draw::Tolerance;
pub use addresses::{Addresses, Chance};
pub use claims::{Claim, claims};
pub use compare::{
    CompareOptions, Compared, Decoded, MEASURES, Mean, Measure, References, Setting, Strategy, Sweep, compare,
};
pub use diff::{Diff, DiffOptions, RowDiff, diff};
pub use digest::Digest;
pub use flips::{gumbel_flips, uniform_flips};
pub use guess::{GuessOptions, guess};
#[cfg(feature = "cli")]
pub use hashing::{Hashing, Tally, digest_file, digest_vocab};
pub use kl_statistics::{
    ChunkLine, Estimate, Floored, KlStatistics, Perplexities, Quantiles, RowKl, kl_statistics,
};
pub use known::Known;
pub use logprobs::{
    CauseKind, Claimed, ClaimedFile, Estimators, LikelyCause, LogprobDiff, LogprobOptions, Ratios, Side,
    TokenDiff, compare_logprobs, read_claimed,
};
pub use mask::{Mask, MaskDiff, MaskReport, MaskedLogprobs, check_masks, masked_logprobs, read_masks};
pub use noise::{Noise, normal_tail};
pub use orders::orders;
pub use recipe::{Attempt, Convention, Guess, Recipe};
pub use record::{Divergence, Record, RecordedInput, RecordedLine, Word};
pub use report::{By, Comparison, score_page, score_svg};
pub use score::{Score, ScoreTotal, ScoredToken, score};
pub use verdict::{Cause, Expected, Verdict};
pub use verify::{Clip, Step, Summary, Verification, VerifyOptions, verify};
