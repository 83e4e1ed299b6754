//! Methods that need the logits of a second model.

mod companion;

pub use guidance_scale::Form;

methods! {
    mod guidance_scale;
    mod contrastive;
}
