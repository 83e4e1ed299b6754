//! Strategies side by side on the same rows.

mod measure;
mod meter;
mod setting;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

pub use measure::{MEASURES, Mean, Measure};
pub use setting::{Setting, Strategy, Sweep};

use super::overlap::{self, Bleu};
use crate::draw::{Addressed, Draw, Gumbel};
use crate::hypothesis::Hypothesis;
use crate::sampler::{Exact, Greedy, Job, Sample, Sampler};
use crate::source::{Access, LogitsSource};
use crate::{Error, Place, Result, TokenId};
use meter::Meter;

/// How settings are compared.
#[derive(Clone)]
pub struct CompareOptions<'a> {
    /// How often each setting that draws is run.
    pub samples: usize,
    /// The seed of all of them.
    pub seed: u64,
    /// Draw by Gumbel-max: every setting gets the same noise, so that what differs comes from the setting.
    pub gumbel: bool,
    /// What the texts are compared with: for each sequence of the input one, or the same for all.
    pub references: References<'a>,
}

/// References.
#[derive(Clone, Default)]
pub enum References<'a> {
    /// There are none.
    #[default]
    None,
    /// Ids.
    Ids(Vec<Vec<TokenId>>),
    /// Texts, compared word by word with the text of the ids.
    Texts(Vec<String>, &'a dyn Fn(&[TokenId]) -> String),
}

/// What a setting did.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    /// Its name.
    pub name: String,
    /// `greedy`, `sample`, `beam` or `exact`.
    pub method: &'static str,
    /// Its chain, as JSON that can be given back.
    pub chain: Value,
    /// The values of what is swept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub swept: Vec<(String, f64)>,
    /// Every measure that there is, with its mean over sequences and samples: see [`MEASURES`].
    pub measures: BTreeMap<&'static str, Mean>,
    /// What was decoded.
    pub sequences: Vec<Decoded>,
}

/// A decoded sequence and its measures; `null` where a measure has no value.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Decoded {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Number of the sample.
    pub sample: usize,
    /// The ids.
    pub ids: Vec<TokenId>,
    /// Σ ln p in the raw rows, in nats.
    pub logprob: Option<f64>,
    /// exp(−logprob / length).
    pub perplexity: Option<f64>,
    /// Mean entropy of what was drawn from, in nats.
    pub entropy: Option<f64>,
    /// Mean number of tokens that were drawn from.
    pub kept: Option<f64>,
    /// Mean KL divergence of what was drawn from, q, from the full distribution, p: Σ q ln(q/p), in nats.
    pub kl: Option<f64>,
    /// Repeated bigrams: [`overlap::repetition`] with n = 2.
    pub rep_2: Option<f64>,
    /// Repeated 4-grams.
    pub rep_4: Option<f64>,
    /// The share of its tokens that greedy search takes at the same place.
    pub as_greedy: Option<f64>,
    /// Sentence BLEU with the references.
    pub bleu: Option<f64>,
    /// F1 of ROUGE-1.
    pub rouge_1: Option<f64>,
    /// F1 of ROUGE-2.
    pub rouge_2: Option<f64>,
    /// F1 of ROUGE-L.
    pub rouge_l: Option<f64>,
    /// METEOR with exact matches.
    pub meteor: Option<f64>,
}

/// Decodes the input with every setting, and measures what came.
///
/// Entropy, kept tokens and KL are read from the trace of the run: they are those of the distributions that were drawn from. Greedy and
/// beam search draw from none, and have no such values, but for the one token that greedy search keeps.
///
/// # Errors
/// Those of source, chains and strategies; an input that can be read only once.
///
/// ```
/// use tokpick::check::{CompareOptions, References, Setting, compare};
/// use tokpick::processor::Chain;
/// use tokpick::sampler::Job;
/// use tokpick::source::Steps;
///
/// let mut source = Steps::new("example", &[2, 2], None, vec![1.0, 0.0, 0.0, 3.0])?;
/// let chain = Chain::default();
/// let settings = [Setting::parse("greedy")?, Setting::parse("top-k=1")?];
/// let options = CompareOptions { samples: 1, seed: 7, gumbel: false, references: References::None };
/// let compared = compare(&mut source, &Job::new(&chain), &settings, &options)?;
/// assert_eq!(compared[0].sequences[0].ids, compared[1].sequences[0].ids);
/// assert_eq!(compared[1].measures["kept"].mean, 1.0);
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn compare(
    source: &mut dyn LogitsSource,
    job: &Job<'_>,
    settings: &[Setting],
    options: &CompareOptions<'_>,
) -> Result<Vec<Compared>> {
    let shape = source.shape();
    if shape.access != Access::Random && !shape.follows_prefix {
        let what = "is read once for every setting: save the stream in a file";
        return Err(Error::input(source.name(), Place::default(), what));
    }
    let limits = job.limits.of(&shape);
    let chain = crate::processor::Chain::default();
    let job = Job { limits: &limits, stop: None, seed: options.seed, logprobs: true, ..*job };
    let greedy = Greedy.decode(source, &Job { chain: &chain, ..job })?;
    settings.iter().map(|setting| one(source, &job, setting, options, &greedy)).collect()
}

fn one(
    source: &mut dyn LogitsSource,
    job: &Job<'_>,
    setting: &Setting,
    options: &CompareOptions<'_>,
    greedy: &[Hypothesis],
) -> Result<Compared> {
    let job = Job { chain: &setting.chain, ..*job };
    let shape = source.shape();
    let mut meter = Meter::default();
    let hypotheses = match &setting.strategy {
        Strategy::Greedy => Greedy.decode(source, &job)?,
        Strategy::Beam(beam) => beam.clone().decode(source, &job)?,
        Strategy::Exact => Exact::new(1)?.decode(source, &job)?,
        Strategy::Sample => {
            let draw = || -> Box<dyn Draw> {
                match options.gumbel {
                    true => Box::new(Gumbel::new(options.seed)),
                    false => Box::new(Addressed::new(options.seed)),
                }
            };
            let needs = setting.chain.needs();
            // samples whose rows don't depend on what they drew share them: the first one is watched
            let alike = !shape.follows_prefix && !needs.history && !needs.coin;
            let watched = if alike { 1 } else { options.samples };
            let first = Sample { draw: draw(), samples: watched }.decode_under(source, &job, &mut meter)?;
            match watched == options.samples {
                true => first,
                false => Sample { draw: draw(), samples: options.samples }.decode(source, &job)?,
            }
        }
    };
    let first_step = job.first_step(&shape);
    let sequences: Vec<Decoded> = hypotheses
        .iter()
        .map(|h| {
            let base = greedy.iter().find(|g| g.sequence == h.sequence).map_or(&[][..], |g| &g.ids);
            decoded(h, base, &setting.strategy, &meter, first_step)
        })
        .collect();
    let mut compared = Compared {
        name: setting.name.clone(),
        method: setting.strategy.name(),
        chain: setting.chain.json(),
        swept: setting.swept.clone(),
        measures: BTreeMap::new(),
        sequences,
    };
    compared.refer(&options.references, &job.limits.eos, shape.sequences.len(), shape.sequences.start);
    compared.sum_up();
    Ok(compared)
}

fn decoded(h: &Hypothesis, greedy: &[TokenId], strategy: &Strategy, meter: &Meter, first: usize) -> Decoded {
    let n = h.ids.len();
    let steps = || (first..first + n).filter_map(|step| meter.get(h.sequence, h.sample, step));
    let mean = |of: fn(&meter::Drawn) -> f64| {
        let (count, sum) = steps().fold((0, 0.0), |(count, sum), drawn| (count + 1, sum + of(drawn)));
        (count == n && n > 0).then(|| sum / n as f64)
    };
    let perplexity = h.logprob.filter(|_| n > 0).map(|l| crate::kernel::exp(-l / n as f64));
    let same = h.ids.iter().zip(greedy).filter(|(a, b)| a == b).count();
    Decoded {
        sequence: h.sequence,
        sample: h.sample,
        ids: h.ids.clone(),
        logprob: h.logprob,
        perplexity: perplexity.filter(|p| p.is_finite()),
        entropy: mean(|d| d.entropy),
        kept: if matches!(strategy, Strategy::Greedy) { Some(1.0) } else { mean(|d| d.kept as f64) },
        kl: mean(|d| d.kl),
        rep_2: overlap::repetition(&h.ids, 2),
        rep_4: overlap::repetition(&h.ids, 4),
        as_greedy: (n > 0).then(|| same as f64 / n as f64),
        ..Decoded::default()
    }
}

impl Compared {
    /// Compares every sequence with its references; an end token at the end of either is left out.
    fn refer(&mut self, references: &References<'_>, eos: &[TokenId], sequences: usize, start: usize) {
        let body = |ids: &[TokenId]| match ids.split_last() {
            Some((last, rest)) if eos.binary_search(last).is_ok() => rest.to_vec(),
            _ => ids.to_vec(),
        };
        let of = |count: usize, sequence: usize| match count == sequences {
            true => sequence - start..sequence - start + 1,
            false => 0..count,
        };
        for decoded in &mut self.sequences {
            match references {
                References::None => {}
                References::Ids(all) => {
                    let own: Vec<Vec<TokenId>> =
                        all[of(all.len(), decoded.sequence)].iter().map(|ids| body(ids)).collect();
                    decoded.overlap(&body(&decoded.ids), &own);
                }
                References::Texts(all, text) => {
                    let words = |text: &str| text.split_whitespace().map(str::to_string).collect::<Vec<_>>();
                    let own: Vec<Vec<String>> =
                        all[of(all.len(), decoded.sequence)].iter().map(|t| words(t)).collect();
                    decoded.overlap(&words(&text(&body(&decoded.ids))), &own);
                }
            }
        }
    }

    /// The means, and what only a set of samples has.
    fn sum_up(&mut self) {
        for measure in MEASURES {
            if let Some(of) = measure.of {
                let values: Vec<f64> = self.sequences.iter().filter_map(of).collect();
                // a value that some have and some lack has no mean
                if values.len() == self.sequences.len() {
                    self.measures.extend(Mean::of(&values).map(|mean| (measure.key, mean)));
                }
            }
        }
        let mut sets: BTreeMap<usize, Vec<&[TokenId]>> = BTreeMap::new();
        for decoded in &self.sequences {
            sets.entry(decoded.sequence).or_default().push(&decoded.ids);
        }
        let of_sets: [(&'static str, Vec<f64>); 3] = [
            ("distinct_1", sets.values().filter_map(|set| overlap::distinct(set, 1)).collect()),
            ("distinct_2", sets.values().filter_map(|set| overlap::distinct(set, 2)).collect()),
            ("self_bleu", sets.values().filter_map(|set| overlap::self_bleu(set)).collect()),
        ];
        for (key, values) in of_sets {
            self.measures.extend(Mean::of(&values).map(|mean| (key, mean)));
        }
    }
}

impl Decoded {
    fn overlap<T: Ord>(&mut self, text: &[T], references: &[Vec<T>]) {
        let references: Vec<&[T]> = references.iter().map(Vec::as_slice).collect();
        let Bleu { score, .. } = overlap::sentence_bleu(text, &references);
        self.bleu = Some(score);
        self.rouge_1 = Some(overlap::rouge_n(text, &references, 1).f1);
        self.rouge_2 = Some(overlap::rouge_n(text, &references, 2).f1);
        self.rouge_l = Some(overlap::rouge_l(text, &references).f1);
        self.meteor = Some(overlap::meteor(text, &references));
    }
}
