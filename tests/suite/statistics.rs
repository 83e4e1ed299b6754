//! The short version of `cargo run --release --example statistics`: randomness along every axis, and distributions of all draws.

#[path = "../../examples/statistics/laws.rs"]
mod laws;

/// Some thirty tests with fixed seeds: a p-value below 1e-5 comes with 0.03 %.
#[test]
fn draws_are_random_and_follow_their_distribution() {
    let laws = laws::all(100_000);
    assert!(laws.len() > 25);
    for law in laws {
        assert!(law.p > 1e-5, "{}: {} of {} has p = {}", law.name, law.value, law.n, law.p);
    }
}
