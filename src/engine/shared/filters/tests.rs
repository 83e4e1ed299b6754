//! The filters against transformers' documented rules.

use super::*;

const INF: f32 = f32::NEG_INFINITY;

/// The scores after one filter.
fn after(filter: Filter, logits: &[f32], history: &[u32], prompt_len: usize) -> Vec<f32> {
    let mut filters = Filters::new(vec![filter]);
    let row = ReplayRow { logits, history, prompt_len, finished: false };
    filters.apply("torch", 0, &row, Watch::Ids).unwrap();
    filters.scores
}

/// The ids that a filter keeps of probabilities.
fn kept(filter: Filter, probs: &[f32]) -> Vec<usize> {
    let logits: Vec<f32> = probs.iter().map(|&p| float::ln32(p)).collect();
    let scores = after(filter, &logits, &[], 0);
    (0..scores.len()).filter(|&i| scores[i] > INF).collect()
}

#[test]
fn truncations() {
    // (filter, probabilities, kept), after the semantics of transformers 5.23.0.
    let p = [0.1, 0.4, 0.3, 0.2];
    let rest = Filter::TopP;
    let cases: [(Filter, &[f32], &[usize]); 10] = [
        (Filter::TopK(2), &p, &[1, 2]),
        (Filter::TopK(9), &p, &[0, 1, 2, 3]),
        // Ties with the k-th stay.
        (Filter::TopK(1), &[0.3, 0.3, 0.3, 0.1], &[0, 1, 2]),
        (rest(0.35), &p, &[1]),
        (rest(0.65), &p, &[1, 2]),
        (rest(0.0), &p, &[1]),
        // Torch leaves open which of the equal ones stay.
        (rest(0.6), &[0.25; 4], &[1, 2, 3]),
        (Filter::MinP(0.45), &[0.2, 0.4, 0.3, 0.1], &[0, 1, 2]),
        (Filter::MinP(1.0), &p, &[1]),
        // H = 1.28: the distances are 1.02, 0.36, 0.08, 0.33.
        (Filter::Typical(0.45), &p, &[2, 3]),
    ];
    for (filter, probs, expected) in cases {
        assert_eq!(kept(filter, probs), expected, "{filter:?} of {probs:?}");
    }
}

#[test]
fn repetition_counts_once_and_zero_is_divided() {
    let scores = after(Filter::Repetition(2.0), &[4.0, -1.0, 0.0, 3.0], &[0, 1, 0, 2], 4);
    assert_eq!(scores, [2.0, -2.0, 0.0, 3.0]);
}

#[test]
fn vllm_subtracts_for_generated_ids_only() {
    let filter = Filter::Penalties { repetition: 2.0, frequency: 0.5, presence: 0.25 };
    let scores = after(filter, &[4.0, -1.0, 1.0, INF], &[0, 1, 1, 3], 1);
    assert_eq!(scores, [2.0, -3.25, 1.0, INF]);
}

#[test]
fn sum_order() {
    // 2^24 swallows a single 1 in its lane, but not what another lane has gathered.
    let mut values = [0f32; 40];
    (values[0], values[16], values[33]) = (16_777_216.0, 1.0, 2.0);
    assert_eq!(avx512_sum(&values), 16_777_218.0);
    values[32] = 1.0;
    assert_eq!(avx512_sum(&values), 16_777_218.0);
    assert_eq!(avx512_sum(&[16_777_216.0, 1.0, 1.0]), 16_777_216.0);
    assert_eq!(avx512_sum(&[]), 0.0);
}
