//! The formulas, by hand.

use super::*;

/// Probabilities, a truncation and its number, what stays: worked out by hand.
#[test]
fn truncations_by_hand() {
    let (all, two): (&[u32], &[u32]) = (&[0, 1, 2, 3], &[0, 1]);
    // Σ p² = 0.36, H = 1.168; −p ln p: 0.347, 0.361, 0.230, 0.230
    let p = [0.5f64, 0.3, 0.1, 0.1];
    let cases: [(&str, f64, &[u32]); 20] = [
        ("top_k", 2.0, two),
        ("top_k", 3.0, all),
        ("top_k", 0.0, all),
        ("top_p", 0.79, two),
        ("top_p", 0.81, all),
        ("min_p", 0.5, two),
        ("min_p", 0.1, all),
        ("epsilon_cutoff", 0.2, two),
        // min(0.5, √0.5 · exp(−H)) = 0.22
        ("eta_cutoff", 0.5, two),
        // 0.25 a
        ("top_a", 0.5, two),
        ("top_a", 0.3, all),
        ("typical_p", 0.2, &[1]),
        // σ of ln p = 0.70: down to −1.39 and −2.80
        ("top_n_sigma", 1.0, two),
        ("top_n_sigma", 3.0, all),
        ("p_less", 1.0, &[0]),
        // (4 · 0.36 − 1) / 3 = 0.147
        ("p_less_norm", 1.0, two),
        ("top_h", 0.7, two),
        // second differences: 0, 0.2
        ("tail_free", 0.5, two),
        // of two good ones the worse stays
        ("xtc", 0.25, &[1, 2, 3]),
        ("xtc", 0.4, all),
    ];
    for (name, x, expected) in cases {
        let scores = Scores::new(p.map(f64::ln).to_vec(), false, 0.0);
        let kept = truncation(name, x, &scores);
        let expected: Vec<Kept> = (0..4).map(|id| Some(expected.contains(&id))).collect();
        assert_eq!(kept, expected, "{name} {x}");
    }
    assert!(TRUNCATIONS.iter().all(|name| cases.iter().any(|case| case.0 == *name)));
}

/// Either answer is right within 1e-6 of the cut, and no farther.
#[test]
fn a_cut_is_as_sharp_as_promised() {
    let scores = Scores::new([0.5f64, 0.3, 0.2].map(f64::ln).to_vec(), false, 0.0);
    let of = |name: &str, x: f64| truncation(name, x, &scores)[1];
    for (name, at) in [("min_p", 0.6), ("epsilon_cutoff", 0.3)] {
        let by = [-2e-6, -1e-7, 1e-6, 2.2e-6].map(|by: f64| of(name, at * by.exp()));
        assert_eq!(by, [Some(true), Some(true), None, Some(false)], "{name}");
    }
    // a mass of ½ moves by a quarter of what the logits move
    let by = [-1e-6, 1e-7, 1e-6].map(|by| of("top_p", 0.5 + by));
    assert_eq!(by, [Some(false), None, Some(true)]);
}

/// Rows, histories, what they become: worked out by hand.
#[test]
fn changes_by_hand() {
    let with = |x, y, z, breaker| With { x, y, z, breaker };
    let row = [2.0f32, -1.0, 0.0, f32::NEG_INFINITY];
    let masked = f64::NEG_INFINITY;
    let history = [0, 1, 2, 0, 1];
    let cases: [(&str, With, [f64; 4]); 11] = [
        ("temperature", with(0.5, 0.0, 0.0, None), [4.0, -2.0, 0.0, masked]),
        ("repetition_penalty", with(2.0, 0.0, 0.0, None), [1.0, -2.0, 0.0, masked]),
        ("presence_penalty", with(0.5, 0.0, 0.0, None), [1.5, -1.5, -0.5, masked]),
        ("frequency_penalty", with(0.5, 0.0, 0.0, None), [1.0, -2.0, -0.5, masked]),
        ("softcap", with(1.0, 0.0, 0.0, None), [2f64.tanh(), -1f64.tanh(), 0.0, masked]),
        ("smoothing", with(0.5, 0.0, 0.0, None), [2.0, -2.5, 0.0, masked]),
        // exponent 0: T' = 1 + 1
        ("dynamic_temperature", with(1.0, 1.0, 0.0, None), [1.0, -0.5, 0.0, masked]),
        // no range: a temperature
        ("dynamic_temperature", with(0.5, 0.0, 1.0, None), [4.0, -2.0, 0.0, masked]),
        // 0 1 came before, and 2 followed: r = 2
        ("dry", with(1.0, 3.0, 2.0, None), [2.0, -1.0, -1.0, masked]),
        ("dry", with(1.0, 3.0, 1.0, None), [2.0, -1.0, -3.0, masked]),
        // nothing reaches back over the newest 0: r = 1
        ("dry", with(1.0, 3.0, 1.0, Some(0)), [2.0, -1.0, -1.0, masked]),
    ];
    for (name, with, expected) in &cases {
        assert_eq!(change(name, with, &row, &history).exact, expected, "{name}");
    }
    assert!(CHANGES.iter().all(|name| cases.iter().any(|case| case.0 == *name)));
}
