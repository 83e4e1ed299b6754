//! Draws with state inside a run: every sequence and sample has its own.

use tokpick::draw::{AdaptiveP, Draw, Mirostat};
use tokpick::hypothesis::Hypothesis;
use tokpick::processor::Chain;
use tokpick::sampler::{Event, Job, Sample, Sampler};
use tokpick::source::Steps;

const STEPS: usize = 30;
const V: usize = 40;

/// Steps of one sequence, different from those of another.
fn steps(sequence: usize) -> Vec<f32> {
    let logit = |step: usize, id: usize| ((id * 7 + step * 3 + sequence * 5) % V) as f32 * 0.2;
    (0..STEPS).flat_map(|step| (0..V).map(move |id| logit(step, id))).collect()
}

fn run(draw: Box<dyn Draw>, sequences: &[usize], samples: usize, parallel: bool) -> Vec<Hypothesis> {
    let logits = sequences.iter().flat_map(|&s| steps(s)).collect();
    let mut source = Steps::new("steps", &[sequences.len(), STEPS, V], None, logits).unwrap();
    let chain = Chain::default();
    let job = Job::new(&chain).seed(7).logprobs(true).parallel(parallel);
    let mut done = Vec::new();
    let mut emit = |event: Event<'_>| {
        if let Event::Done(hypothesis) = event {
            done.push(hypothesis);
        }
        Ok(())
    };
    Sample { draw, samples }.run(&mut source, &job, &mut (), &mut emit).unwrap();
    done
}

fn draws() -> Vec<fn() -> Box<dyn Draw>> {
    vec![
        || Box::new(Mirostat::new(1, 2.0, 0.3, 20, 7).unwrap()),
        || Box::new(Mirostat::new(2, 2.0, 0.3, 100, 7).unwrap()),
        || Box::new(AdaptiveP::new(0.3, 0.5, 7).unwrap()),
    ]
}

#[test]
fn a_line_does_not_depend_on_its_neighbours() {
    for draw in draws() {
        let all = run(draw(), &[0, 1], 3, true);
        assert_eq!(all.len(), 6);
        assert_eq!(all, run(draw(), &[0, 1], 3, false));
        let few = run(draw(), &[0], 2, false);
        assert_eq!(few, all[..2]);
        let lines: std::collections::HashSet<_> = all.iter().map(|h| &h.ids).collect();
        assert_eq!(lines.len(), 6, "six lines, six samples of their own");
    }
}

#[test]
fn processed_log_probabilities_are_those_of_the_distribution_drawn_from() {
    for draw in draws() {
        for line in run(draw(), &[0], 2, false) {
            for (raw, processed) in line.logprobs.iter().zip(&line.processed_logprobs) {
                assert!(raw.unwrap() < 0.0 && processed.unwrap() <= 0.0);
                assert_ne!(raw, processed);
            }
        }
    }
}
