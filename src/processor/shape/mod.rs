//! Shapes: the distribution changes, and no token goes.

methods! {
    mod temperature;
    mod softcap;
    mod smoothing;
    mod dynamic_temperature;
    mod renormalize_logits;
}
