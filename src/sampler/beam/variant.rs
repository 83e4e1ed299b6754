//! The published variants of beam search, and where they differ.

use super::constrained::{Phrase, Phrases};
use crate::{Error, Result, TokenId};

/// Which beam search: what continuations are ranked by, and which of them live on.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Variant {
    /// The continuations with the largest sums.
    #[default]
    Plain,
    /// Beam sampling: continuations are drawn, not ranked.
    ///
    /// Each step draws `max(2, 1 + number of end tokens) · num_beams` continuations without replacement from the softmax over
    /// (live beams × vocabulary) of the accumulated scores: transformers' beam search with `do_sample=True`. It draws with
    /// `torch.multinomial`; here it is Gumbel-top-k, the `K` largest of `sum + g`, g = −ln(−ln U) addressed by (seed, sequence,
    /// step, rank of the parent as lane, token), which has the same distribution and never returns a token of probability 0.
    ///
    /// What was drawn is ranked by sum, as in transformers 5.24: the first `num_beams` may finish, and the `num_beams` best that
    /// did not end live on. There, truncations keep at least `max(2, 1 + number of end tokens)` tokens in such a search.
    Sample,
    /// Beam sampling as transformers had it up to 5.23: what was drawn is ranked in the order of the draw, so that a good
    /// continuation that was drawn late can't finish; of those that did not end, the `num_beams` with the largest sums live on.
    SampleUnsorted,
    /// Stochastic beam search (Kool, van Hoof & Welling 2019): hypotheses drawn without replacement from the sequence model.
    ///
    /// A beam has the log-probability φ and the perturbed log-probability G = φ + Gumbel noise. Its continuations get
    /// `G̃ᵢ = φᵢ + gᵢ`, and then `Gᵢ = −ln(exp(−G) − exp(−Z) + exp(−G̃ᵢ))`, Z = max G̃: noise under the condition that the best
    /// continuation has the G of its parent. Ranking by G finds the `num_beams` sequences that Gumbel-top-k over all sequences
    /// would find (the root's G is 0, and so is that of the first result), so that they are a sample without replacement: with length
    /// penalty 0 (any other reorders what was found),
    /// early stopping not true, and no margin. The chain's scores are normalised again, because the method needs a distribution.
    Stochastic {
        /// How much of the noise is in the ranks, from 0 to 1: `φ + noise · (G − φ)`. 1 is the method; 0 is plain beam search;
        /// in between nothing is promised about the distribution.
        noise: f64,
    },
    /// Diverse beam search (Vijayakumar et al. 2016) with Hamming diversity, as transformers' group beam search.
    ///
    /// The beams are in groups that take their step one after the other. Before the chain, a token loses
    /// `diversity_penalty · count` from its log-probability, count = beams of earlier groups that go on with it in this step (end
    /// tokens don't count).
    /// Each group has its own finished list and stops by itself; then it has no tokens that count (transformers counts its
    /// padding). The result is the best of all lists, penalties included; two groups may return the same ids.
    Diverse {
        /// Number of groups, a divisor of `num_beams`; 1 is plain beam search.
        num_beam_groups: usize,
        /// 0 or more; 0 lets all groups find the same.
        diversity_penalty: f64,
    },
    /// Constrained beam search: every hypothesis holds the phrases, each in one of its forms, a contiguous piece of the generated
    /// ids (Hokamp & Liu 2017).
    ///
    /// Besides the best continuations, those that begin or go on with a phrase are considered. Continuations are in banks, by how
    /// many tokens of the phrases they hold, and the live beams are taken from the banks in turn, the fullest first (the dynamic
    /// allocation of Post & Vilar 2018, in the form of transformers' constrained beam search); ranks and `beam_margin` count
    /// within a bank. End tokens are masked until all phrases are in. Phrases may overlap; one that is broken off starts again.
    Constrained {
        /// The phrases; none of them empty, none with an end token.
        force_ids: Vec<Phrase>,
    },
}

impl Variant {
    /// Refuses parameters that make no sense with `num_beams` beams.
    pub(super) fn check(&self, num_beams: usize, eos: &[TokenId]) -> Result<()> {
        match self {
            Variant::Plain | Variant::Sample | Variant::SampleUnsorted => Ok(()),
            Variant::Stochastic { noise } if !(0.0..=1.0).contains(noise) => {
                Err(Error::setting("noise", noise, "must be from 0 to 1"))
            }
            Variant::Stochastic { .. } => Ok(()),
            Variant::Diverse { num_beam_groups, diversity_penalty } => {
                if *num_beam_groups == 0 || !num_beams.is_multiple_of(*num_beam_groups) {
                    let what = format!("must be a divisor of num_beams ({num_beams})");
                    return Err(Error::setting("num_beam_groups", num_beam_groups, what));
                }
                if !diversity_penalty.is_finite() || *diversity_penalty < 0.0 {
                    return Err(Error::setting("diversity_penalty", diversity_penalty, "must be 0 or more"));
                }
                Ok(())
            }
            Variant::Constrained { force_ids } => {
                if force_ids.is_empty() || force_ids.iter().any(Phrase::is_empty) {
                    return Err(Error::setting("force_ids", "", "must be one phrase or more, none empty"));
                }
                match Phrases(force_ids).ids().find(|id| eos.contains(id)) {
                    Some(id) => {
                        Err(Error::setting("force_ids", id, "is an end token: nothing can follow it"))
                    }
                    None => Ok(()),
                }
            }
        }
    }

    /// How many groups the beams are in.
    pub(super) fn groups(&self) -> usize {
        match self {
            Variant::Diverse { num_beam_groups, .. } => *num_beam_groups,
            _ => 1,
        }
    }

    /// True if the seed matters.
    pub fn is_random(&self) -> bool {
        match self {
            Variant::Sample | Variant::SampleUnsorted => true,
            Variant::Stochastic { noise } => *noise > 0.0,
            _ => false,
        }
    }

    /// The phrases that must appear.
    pub(super) fn phrases(&self) -> Phrases<'_> {
        match self {
            Variant::Constrained { force_ids } => Phrases(force_ids),
            _ => Phrases(&[]),
        }
    }
}
