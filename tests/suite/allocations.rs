//! The warm loop allocates nothing: row after row, what was needed once is used again. Reports make no lists of all tokens.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokpick::candidates::Candidates;
use tokpick::check::{self, DiffOptions};
use tokpick::draw::{Addressed, Draw, DrawRow, Gumbel, Seat, Turn};
use tokpick::processor::{Chain, Context};
use tokpick::render::Explain;
use tokpick::sampler::{Job, Sample, Sampler};
use tokpick::settings;
use tokpick::source::{LogitsSource, Row, Steps};

const VOCAB: usize = 20_000;
const ROWS: usize = 12;

/// Makes the logit of a token.
type Logit = fn(usize, &mut ChaCha8Rng) -> f32;

/// The shapes of rows that take different ways through the kernel.
const SHAPES: [(&str, Logit); 3] = [
    ("peaked", |at, rng| -1.76 * ((at * 7919 % VOCAB) as f32 + 1.0).ln() + rng.random_range(-0.1..0.1)),
    ("flat", |_, rng| rng.random_range(-1.0..1.0)),
    ("gauss", |_, rng| 3.0 * (0..12).map(|_| rng.random_range(-0.5..0.5)).sum::<f32>()),
];

const CHAINS: [&str; 15] = [
    "temperature=0.8",
    "top-k=40",
    "top-p=0.9",
    "min-p=0.05",
    "typical-p=0.9",
    "temperature=0.8,top-k=50,top-p=0.95,min-p=0.05",
    "repetition-penalty=1.2,temperature=0.8,top-k=50,top-p=0.95",
    "presence-penalty=0.5,frequency-penalty=0.2,top-k=40",
    "dry(multiplier=0.8,breakers=[[7],[3,9]]),top-k=40",
    "no-repeat-ngram-size=2",
    "encoder-no-repeat-ngram-size(value=2,encoder_ids=[1,2,3,1,5,1,7])",
    "bad-words-ids=[[5],[17],[3,9],[1,2,3]]",
    "sequence-bias=[[[5],0.5],[[3],-1],[[1,2,3],2],[[5],0.25]]",
    "logit-bias=[[9,0.5],[3,-1],[9,1],[4,\"-inf\"]]",
    "suppress-tokens=[5,9,700]",
];

/// Every row once: loaded, processed, drawn from, looked at as reports do, and taken out again.
fn pass(
    chain: &Chain,
    draw: &dyn DrawRow,
    rows: &mut [Row],
    history: &[u32],
    c: &mut Candidates,
    seats: &mut [Seat],
    best: &mut Vec<(u32, f32)>,
) {
    for (step, row) in rows.iter_mut().enumerate() {
        let context = &history[step..step + 512];
        c.load(std::mem::take(row), 0, step).unwrap();
        chain.apply(c, &Context { context, prompt_len: 0, sequence: 0, step, coins: &0.0 }).unwrap();
        draw.row(&mut Turn { sequence: 0, step, context, prompt_len: 0, candidates: c, seats }).unwrap();
        assert!(seats[0].pick.is_some());
        std::hint::black_box((c.figures(), c.raw_figures(), c.raw_above(0.5), c.above(0.5)));
        c.raw_ranked(5, best);
        *row = c.take_row();
    }
}

#[test]
fn a_warm_row_allocates_nothing() {
    let mut failures = Vec::new();
    for (shape, logit) in SHAPES {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut rows: Vec<Row> =
            (0..ROWS).map(|_| Row::dense((0..VOCAB).map(|at| logit(at, &mut rng)).collect())).collect();
        // every other id is one of few, so that there are repetitions
        let history: Vec<u32> = (0..512 + ROWS)
            .map(|at| rng.random_range(0..if at % 2 == 0 { 40 } else { VOCAB as u32 }))
            .collect();
        let (addressed, gumbel) = (Addressed::new(7), Gumbel::new(7));
        let draws = [&addressed as &dyn Draw, &gumbel];
        let each = CHAINS.into_iter().flat_map(|text| draws.map(|draw| (text, draw, 1)));
        // several samples of a row: their uniforms are made together, and of many the running masses are kept
        let several = CHAINS[..4].iter().flat_map(|text| [20, 400].map(|seats| (*text, draws[0], seats)));
        for (text, draw, seats) in each.chain(several) {
            let (name, draw) = (draw.name(), draw.shared().expect("independent draws"));
            let chain = settings::chain(text).unwrap();
            let mut c = Candidates::default();
            let seat = |sample| Seat { line: sample, sample, lane: 0, finished: false, pick: None };
            let mut seats: Vec<Seat> = (0..seats).map(seat).collect();
            let mut best = Vec::new();
            let mut run = || pass(&chain, draw, &mut rows, &history, &mut c, &mut seats, &mut best);
            let cold = allocation_counter::measure(&mut run);
            assert!(cold.count_total > 0, "the counter counts");
            // two lists change places: the second pass warms the other one
            run();
            let warm = allocation_counter::measure(&mut run);
            if warm.count_total > 0 {
                failures.push(format!(
                    "{shape}, {text}, {name}, {} seats: {} allocations, {} bytes",
                    seats.len(),
                    warm.count_total,
                    warm.bytes_total
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Makes a report of one row after the other, or of two beside each other.
type Report<'a> = &'a dyn Fn(&mut [Steps; 2]);

/// The reports of a row ask for no list as long as the row: ten rows more take less memory than a byte for each of their tokens.
#[test]
fn reports_make_no_lists_of_all_tokens() {
    let chain = Chain::default();
    let job = Job::new(&chain).seed(7).parallel(false);
    for (shape, logit) in SHAPES {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut steps = |count: usize| {
            let all = (0..count * VOCAB).map(|at| logit(at % VOCAB, &mut rng)).collect();
            Steps::new("rows", &[count, VOCAB], None, all).unwrap()
        };
        let (mut few, mut many) = ([steps(2), steps(2)], [steps(12), steps(12)]);
        let diff = |[a, b]: &mut [Steps; 2]| {
            check::diff(a, b, &job, &DiffOptions::default(), &mut |_| Ok(())).unwrap();
        };
        let score = |[a, _]: &mut [Steps; 2]| {
            let ids: Vec<u32> = (0..a.shape().steps().unwrap() as u32).collect();
            check::score(a, &job, &[ids]).unwrap();
        };
        let explain = |[a, _]: &mut [Steps; 2]| {
            let mut see = |_| Ok(());
            let mut trace = Explain::new(10, 0..12, &mut see);
            Sample::new(Addressed::new(7)).run(a, &job, &mut trace, &mut |_| Ok(())).unwrap();
        };
        let reports: [(&str, Report); 3] = [("diff", &diff), ("score", &score), ("explain", &explain)];
        for (name, report) in reports {
            report(&mut few);
            let [of_few, of_many] =
                [&mut few, &mut many].map(|rows| allocation_counter::measure(|| report(rows)).bytes_total);
            let more = of_many.saturating_sub(of_few);
            assert!(more < 10 * VOCAB as u64, "{name}, {shape}: {more} bytes more");
        }
    }
}
