use super::*;
use crate::settings;
use crate::source::Steps;

fn scores(axes: &[usize], logits: &[f32], chain: &str, ids: &[Vec<TokenId>]) -> Result<Vec<Score>> {
    let mut source = Steps::new("test", axes, None, logits.to_vec())?;
    let chain = settings::chain(chain)?;
    score(&mut source, &Job::new(&chain), ids)
}

const MASKED: f32 = f32::NEG_INFINITY;

#[test]
fn ranks_share_the_better_place() {
    let row = [1.0, 3.0, 2.0, 2.0, MASKED];
    // (id, rank); by hand
    for (id, rank) in [(1, 1), (2, 2), (3, 2), (0, 4), (4, 5)] {
        let token = &scores(&[1, 5], &row, "", &[vec![id]]).unwrap()[0].tokens[0];
        assert_eq!(token.rank, rank, "token {id}");
        assert_eq!(token.processed_rank, (id != 4).then_some(rank), "token {id}");
    }
}

#[test]
fn four_equal_tokens_are_two_bits_each() {
    let score = &scores(&[2, 4], &[0.5; 8], "", &[vec![3, 0]]).unwrap()[0];
    assert_eq!(score.tokens.iter().map(|t| t.bits).collect::<Vec<_>>(), [Some(2.0), Some(2.0)]);
    assert!((score.tokens[0].entropy - 4f64.ln()).abs() < 1e-15);
    assert!((score.tokens[1].cumulative_logprob.unwrap() + 2.0 * 4f64.ln()).abs() < 1e-15);
    assert!((score.perplexity.unwrap() - 4.0).abs() < 1e-14);
}

#[test]
fn processors_count_only_where_they_are_named() {
    let score = &scores(&[1, 3], &[0.0, 1.0, 2.0], "top_k=2", &[vec![0]]).unwrap()[0];
    let token = &score.tokens[0];
    assert!(token.logprob.is_some());
    assert_eq!((token.processed_logprob, token.processed_rank), (None, None));
    assert_eq!((score.processed_logprob, score.processed_perplexity), (None, None));
    let sharp = &scores(&[1, 2], &[0.0, 1.0], "temperature=0.5", &[vec![1]]).unwrap()[0].tokens[0];
    assert!((sharp.processed_logprob.unwrap() + (1.0 + (-2f64).exp()).ln()).abs() < 1e-15);
    assert!((sharp.logprob.unwrap() + (1.0 + (-1f64).exp()).ln()).abs() < 1e-15);
}

#[test]
fn a_masked_token_has_no_logprob_and_makes_the_sum_none() {
    let score = &scores(&[2, 2], &[0.0, MASKED, 0.0, 0.0], "", &[vec![1, 0]]).unwrap()[0];
    assert_eq!((score.tokens[0].logprob, score.tokens[0].bits), (None, None));
    assert!(score.tokens[1].logprob.is_some());
    assert_eq!((score.logprob, score.perplexity, score.tokens[1].cumulative_logprob), (None, None, None));
}

#[test]
fn one_sequence_takes_many_lines_and_a_batch_takes_one_each() {
    let logits = [0.0, 1.0, 1.0, 0.0];
    let many = scores(&[2, 2], &logits, "", &[vec![0], vec![1, 1], vec![]]).unwrap();
    assert_eq!(many.iter().map(|s| (s.line, s.sequence)).collect::<Vec<_>>(), [(0, 0), (1, 0), (2, 0)]);
    assert_eq!(many[2].perplexity, None, "nothing to score");
    let batch = scores(&[2, 1, 2], &logits, "", &[vec![0], vec![1]]).unwrap();
    assert_eq!(batch.iter().map(|s| (s.line, s.sequence)).collect::<Vec<_>>(), [(0, 0), (1, 1)]);
    assert_eq!(batch[0].logprob, batch[1].logprob);
}

#[test]
fn errors_say_what_does_not_fit() {
    let logits = [0.0, 1.0, 1.0, 0.0];
    let message =
        |axes: &[usize], ids: &[Vec<TokenId>]| scores(axes, &logits, "", ids).unwrap_err().to_string();
    assert_eq!(message(&[2, 1, 2], &[vec![0]]), "test: ids for 1 sequences, but the input has 2");
    assert!(message(&[2, 2], &[vec![0, 0, 0]]).starts_with("test: sequence 0, step 2: the input has no row"));
    assert!(message(&[2, 2], &[vec![2]]).contains("the id 2 is outside the vocabulary of 2 tokens"));
}

#[test]
fn shifting_all_logits_changes_nothing() {
    let row = [0.3f32, -1.2, 2.5, 0.0];
    let shifted: Vec<f32> = row.iter().map(|x| x + 8.0).collect();
    let of = |row: &[f32]| scores(&[1, 4], row, "", &[vec![0]]).unwrap()[0].perplexity.unwrap();
    assert!((of(&row) / of(&shifted) - 1.0).abs() < 1e-6);
}
