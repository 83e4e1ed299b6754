//! Where processors stand in the orders of engines.

/// A part of an order, in which an engine's own processors have ranks; what an engine lacks is its guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Makes the row that everything else works on.
    Row,
    /// The engine's own penalties and constraints.
    Logits,
    /// Penalties and constraints that it lacks: where transformers runs a user's own processors.
    GuestLogits,
    /// The engine's own truncations and shapes.
    Sampling,
    /// Truncations and shapes that it lacks.
    GuestSampling,
    /// What comes last.
    End,
}

/// A place in an order: a part, and a rank in it. Among equal ones the order of [`INFOS`](super::INFOS) decides.
pub type At = (Part, u8);

/// A processor's place in the order of each engine that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// transformers 5.24, `generate()`.
    pub hf: At,
    /// llama.cpp at commit 0c1e57098bba.
    pub llama_cpp: At,
    /// vLLM, V1 engine, native sampler.
    pub vllm: At,
}

impl Places {
    pub(super) const ROW: Places = Places::everywhere(Part::Row, 1);
    /// A penalty or constraint that no engine has.
    pub(super) const GUEST_LOGITS: Places = Places::everywhere(Part::GuestLogits, 50);
    /// A shape that no engine has: in llama.cpp behind the truncations, which look at raw logits there.
    pub(super) const GUEST_SHAPE: Places =
        Places { llama_cpp: (Part::GuestSampling, 60), ..Places::GUEST_SAMPLING };
    /// A truncation that no engine has.
    pub(super) const GUEST_SAMPLING: Places = Places::everywhere(Part::GuestSampling, 50);

    const fn everywhere(part: Part, rank: u8) -> Places {
        Places { hf: (part, rank), llama_cpp: (part, rank), vllm: (part, rank) }
    }
}
