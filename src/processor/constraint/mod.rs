//! Constraints: given tokens are allowed, forbidden or forced.

mod bias;
mod id_list;
mod minimum;

pub use prefix_constraint::Missing;

methods! {
    mod logit_bias;
    mod sequence_bias;
    mod bad_words_ids;
    mod min_length;
    mod min_new_tokens;
    mod prefix_constraint;
    mod suppress_tokens;
    mod begin_suppress_tokens;
    mod allowed_tokens;
    mod forced_bos_token_id;
    mod forced_eos_token_id;
    mod remove_invalid_values;
}
