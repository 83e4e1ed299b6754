//! µs per row of other Rust samplers, over the rows of tokpick's own bench (`cargo bench --bench rows`), one thread.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml`

#[path = "../../common/rows.rs"]
mod rows;

use std::hint::black_box;
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling};
use llm_samplers::prelude as llm;
use rand_chacha::ChaCha8Rng;
use rand_distr::Distribution;
use rand_distr::weighted::WeightedIndex;
use rand08::SeedableRng;
use token_sampling as ts;

/// How many of the rows are taken (some peers need 30 ms for one), and how often each is decoded.
const TAKEN: usize = 8;
const PASSES: usize = 3;

#[derive(Clone, Copy, PartialEq)]
enum Strategy {
    Greedy,
    TopK,
    Chain,
    Temperature,
    TopP,
    MinP,
}

const STRATEGIES: [(&str, Strategy); 6] = [
    ("greedy", Strategy::Greedy),
    ("top-k 40", Strategy::TopK),
    ("temperature 0.8, top-k 50, top-p 0.95", Strategy::Chain),
    ("temperature 0.8", Strategy::Temperature),
    ("top-p 0.9", Strategy::TopP),
    ("min-p 0.05", Strategy::MinP),
];

fn main() {
    for (shape, make) in rows::SHAPES {
        let mut rng = rows::rng();
        let rows: Vec<Vec<f32>> = (0..TAKEN.min(rows::ROWS)).map(|_| make(&mut rng)).collect();
        println!("\n{shape}: µs per row\n");
        let tensors: Vec<Tensor> = rows.iter().map(|row| tensor(row)).collect();
        println!(
            "| | softmax + sort + WeightedIndex | token-sampling 0.1 | llm-samplers 0.0.7 | candle-transformers 0.11 |"
        );
        println!("| --- | --- | --- | --- | --- |");
        for (name, strategy) in STRATEGIES {
            let plain = micros(&rows, |row| plain(row, strategy, &mut rng));
            let mut chain = token_sampling_chain(strategy);
            let mut random = ts::SplitMix64::new(7);
            let mut buffer = Vec::new();
            let token_sampling = micros(&rows, |row| {
                buffer.clear();
                buffer.extend_from_slice(row);
                chain.sample(&mut buffer, &[], &mut random).expect("a token")
            });
            let mut resources = llm::SimpleSamplerResources::new(
                Some(Box::new(rand08::rngs::StdRng::seed_from_u64(7))),
                None,
            );
            let llm_samplers = micros(&rows, |row| {
                let mut logits = llm::Logits::try_from_iter(row.iter().copied()).expect("numbers");
                let mut chain = llm_samplers_chain(strategy);
                llm::Sampler::sample_token(&mut chain, &mut resources, &mut logits)
                    .expect("a chain that ends in a draw")
                    .expect("a token")
            });
            let candle = candle_sampling(strategy).map_or("–".to_string(), |sampling| {
                let mut processor = LogitsProcessor::from_sampling(7, sampling);
                let micros = micros(&tensors, |row| processor.sample(row).expect("a token"));
                format!("{micros:.0}")
            });
            println!("| {name} | {plain:.0} | {token_sampling:.0} | {llm_samplers:.0} | {candle} |");
        }
    }
}

/// The mean of the rows' least times.
fn micros<T>(rows: &[T], mut id: impl FnMut(&T) -> u32) -> f64 {
    let mut least = vec![Duration::MAX; rows.len()];
    for _ in 0..PASSES {
        for (row, least) in rows.iter().zip(&mut least) {
            let start = Instant::now();
            black_box(id(row));
            *least = start.elapsed().min(*least);
        }
    }
    least.iter().sum::<Duration>().as_secs_f64() * 1e6 / rows.len() as f64
}

/// What is usually written by hand.
fn plain(row: &[f32], strategy: Strategy, rng: &mut ChaCha8Rng) -> u32 {
    let argmax = || row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(id, _)| id as u32);
    let (temperature, k, p, min_p) = match strategy {
        Strategy::Greedy => return argmax(),
        Strategy::TopK => (1.0, 40, 1.0, 0.0),
        Strategy::Chain => (0.8, 50, 0.95, 0.0),
        Strategy::Temperature => (0.8, row.len(), 1.0, 0.0),
        Strategy::TopP => (1.0, row.len(), 0.9, 0.0),
        Strategy::MinP => (1.0, row.len(), 1.0, 0.05),
    };
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut weights: Vec<(u32, f32)> =
        (0..).zip(row.iter().map(|x| ((x - max) / temperature).exp())).collect();
    if strategy != Strategy::Temperature {
        weights.sort_unstable_by(|a, b| b.1.total_cmp(&a.1));
    }
    weights.truncate(k);
    weights.retain(|w| w.1 >= min_p);
    let mut left = p * weights.iter().map(|w| w.1).sum::<f32>();
    let kept = weights.iter().take_while(|w| {
        let open = left > 0.0;
        left -= w.1;
        open
    });
    let kept = if p < 1.0 { kept.count() } else { weights.len() };
    weights.truncate(kept);
    let index = WeightedIndex::new(weights.iter().map(|w| w.1)).expect("weights");
    weights[index.sample(rng)].0
}

fn token_sampling_chain(strategy: Strategy) -> ts::SamplerChain {
    let chain = ts::SamplerChain::new();
    match strategy {
        Strategy::Greedy => return chain.push(ts::Greedy),
        Strategy::TopK => chain.push(ts::TopK { k: 40 }),
        Strategy::Chain => {
            let chain = chain.push(ts::Temperature { t: 0.8 }).push(ts::TopK { k: 50 });
            chain.push(ts::TopP { p: 0.95, min_keep: 1 })
        }
        Strategy::Temperature => chain.push(ts::Temperature { t: 0.8 }),
        Strategy::TopP => chain.push(ts::TopP { p: 0.9, min_keep: 1 }),
        Strategy::MinP => chain.push(ts::MinP { p: 0.05, min_keep: 1 }),
    }
    .push(ts::Dist)
}

/// A row as a model would give it; the copy is not measured.
fn tensor(row: &[f32]) -> Tensor {
    Tensor::from_slice(row, row.len(), &Device::Cpu).expect("a tensor on the CPU")
}

/// The strategy as candle names it; it has no min-p.
fn candle_sampling(strategy: Strategy) -> Option<Sampling> {
    Some(match strategy {
        Strategy::Greedy => Sampling::ArgMax,
        Strategy::TopK => Sampling::TopK { k: 40, temperature: 1.0 },
        Strategy::Chain => Sampling::TopKThenTopP { k: 50, p: 0.95, temperature: 0.8 },
        Strategy::Temperature => Sampling::All { temperature: 0.8 },
        Strategy::TopP => Sampling::TopP { p: 0.9, temperature: 1.0 },
        Strategy::MinP => return None,
    })
}

fn llm_samplers_chain(strategy: Strategy) -> llm::SamplerChain {
    let chain = llm::SamplerChain::new();
    let chain = match strategy {
        Strategy::Greedy => return chain + llm::SampleGreedy::new(),
        Strategy::TopK => chain + llm::SampleTopK::new(40, 1),
        Strategy::Chain => {
            chain
                + llm::SampleTemperature::new(0.8)
                + llm::SampleTopK::new(50, 1)
                + llm::SampleTopP::new(0.95, 1)
        }
        Strategy::Temperature => chain + llm::SampleTemperature::new(0.8),
        Strategy::TopP => chain + llm::SampleTopP::new(0.9, 1),
        Strategy::MinP => chain + llm::SampleMinP::new(0.05, 1),
    };
    chain + llm::SampleRandDistrib::new()
}
