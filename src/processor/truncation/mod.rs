//! Truncations: improbable (or all too probable) tokens go.

mod threshold;

methods! {
    mod top_k;
    mod top_p;
    mod min_p;
    mod top_n_sigma;
    mod top_h;
    mod typical_p;
    mod epsilon_cutoff;
    mod eta_cutoff;
    mod top_a;
    mod tail_free;
    mod p_less;
    mod p_less_norm;
    mod xtc;
}
