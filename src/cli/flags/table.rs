//! Every processor flag, and the parameter that it sets.

use super::Kind::{self, *};

/// One flag of one parameter.
#[derive(Debug)]
pub struct Flag {
    /// The flag, without its hyphens.
    pub long: &'static str,
    /// Its letter.
    pub short: Option<char>,
    /// Further names.
    pub aliases: &'static [&'static str],
    /// JSON name of the processor; empty for parameters that several share.
    pub processor: &'static str,
    /// The parameter; the first one of a processor is what its lone value sets.
    pub parameter: &'static str,
    /// How its value is written.
    pub kind: Kind,
    /// What it does; empty for the flag that stands for the processor: what that does.
    pub help: &'static str,
}

impl Flag {
    /// The flag that stands for a processor.
    pub fn main(processor: &str) -> Option<&'static Flag> {
        GROUPS
            .iter()
            .flat_map(|(_, flags)| flags.iter())
            .find(|flag| flag.processor == processor && flag.help.is_empty())
    }
}

/// The flag of a processor's value.
const fn value(long: &'static str, processor: &'static str, kind: Kind) -> Flag {
    Flag { long, short: None, aliases: &[], processor, parameter: "value", kind, help: "" }
}

/// The same, with a letter.
const fn short(short: char, long: &'static str, processor: &'static str, kind: Kind) -> Flag {
    Flag { short: Some(short), ..value(long, processor, kind) }
}

/// The flag of a further parameter; without help, the one that stands for the processor.
const fn of(
    processor: &'static str,
    long: &'static str,
    parameter: &'static str,
    kind: Kind,
    help: &'static str,
) -> Flag {
    Flag { long, short: None, aliases: &[], processor, parameter, kind, help }
}

/// The flags, by heading of `--help`.
pub static GROUPS: &[(&str, &[Flag])] = &[
    ("Shape", SHAPE),
    ("Truncation", TRUNCATION),
    ("History penalties", HISTORY),
    ("Constraints", CONSTRAINTS),
    ("Two models", TWO_MODELS),
];

static SHAPE: &[Flag] = &[
    short('t', "temperature", "temperature", Number),
    Flag {
        aliases: &["dynamic-temperature-range"],
        ..of("dynamic_temperature", "dynatemp-range", "range", Number, "")
    },
    Flag {
        aliases: &["dynatemp-exp", "dynamic-temperature-exponent"],
        ..of(
            "dynamic_temperature",
            "dynatemp-exponent",
            "exponent",
            Number,
            "Exponent of the relative entropy in dynamic temperature (default 1)",
        )
    },
    of("smoothing", "smoothing-factor", "factor", Number, ""),
    of("smoothing", "smoothing-curve", "curve", Number, "Curve of the smoothing (default 1)"),
    value("softcap", "softcap", Number),
    value("renormalize-logits", "renormalize_logits", Switch),
    value("remove-invalid-values", "remove_invalid_values", Switch),
];

static TRUNCATION: &[Flag] = &[
    short('k', "top-k", "top_k", Count),
    short('p', "top-p", "top_p", Number),
    value("min-p", "min_p", Number),
    value("typical-p", "typical_p", Number),
    value("epsilon-cutoff", "epsilon_cutoff", Number),
    value("eta-cutoff", "eta_cutoff", Number),
    value("top-h", "top_h", Number),
    value("top-n-sigma", "top_n_sigma", Number),
    value("top-a", "top_a", Number),
    value("tail-free", "tail_free", Number),
    value("p-less", "p_less", Switch),
    of("xtc", "xtc-probability", "probability", Number, ""),
    of("xtc", "xtc-threshold", "threshold", Number, "What counts as a top choice for XTC (default 0.1)"),
    of(
        "",
        "min-tokens-to-keep",
        "min_tokens_to_keep",
        Count,
        "Every truncation keeps at least so many tokens (default 1)",
    ),
];

static HISTORY: &[Flag] = &[
    value("repetition-penalty", "repetition_penalty", Number),
    value("presence-penalty", "presence_penalty", Number),
    value("frequency-penalty", "frequency_penalty", Number),
    of(
        "",
        "penalty-last-n",
        "last_n",
        Integer,
        "How many of the newest ids these three count: -1 all (default), 0 none",
    ),
    of(
        "",
        "penalty-scope",
        "scope",
        Word,
        "Which ids these three count: all (default of repetition) or generated (of the others)",
    ),
    value("no-repeat-ngram-size", "no_repeat_ngram_size", Count),
    of("dry", "dry-multiplier", "multiplier", Number, ""),
    of("dry", "dry-base", "base", Number, "Base of DRY's exponential (default 1.75)"),
    of(
        "dry",
        "dry-allowed-length",
        "allowed_length",
        Count,
        "Longest repetition that DRY lets pass (default 2)",
    ),
    of(
        "dry",
        "dry-last-n",
        "last_n",
        Integer,
        "How many of the newest ids DRY looks at: -1 all (default), 0 none",
    ),
    of("dry", "dry-breakers", "breakers", IdLists, "Sequences that no repetition reaches across, for DRY"),
    value("encoder-repetition-penalty", "encoder_repetition_penalty", Number),
    value("encoder-no-repeat-ngram-size", "encoder_no_repeat_ngram_size", Count),
    of(
        "",
        "encoder-ids",
        "encoder_ids",
        Ids,
        "The encoder's input for the two processors above (default: the prompt)",
    ),
    of(
        "exponential_decay_length_penalty",
        "exponential-decay-length-penalty",
        "start,factor",
        StartFactor,
        "",
    ),
];

static CONSTRAINTS: &[Flag] = &[
    value("logit-bias", "logit_bias", Bias),
    value("sequence-bias", "sequence_bias", Json),
    of("bad_words_ids", "bad-words-ids", "ids", IdLists, ""),
    of("suppress_tokens", "suppress-tokens", "ids", Ids, ""),
    of("begin_suppress_tokens", "begin-suppress-tokens", "ids", Ids, ""),
    of("allowed_tokens", "allowed-tokens", "ids", Ids, ""),
    value("min-length", "min_length", Count),
    value("min-new-tokens", "min_new_tokens", Count),
    of("forced_bos_token_id", "forced-bos-token-id", "id", Count, ""),
    of("forced_eos_token_id", "forced-eos-token-id", "eos_token_id", Ids, ""),
    of("prefix_constraint", "prefix-constraint", "input", File, ""),
    of(
        "prefix_constraint",
        "prefix-constraint-missing",
        "missing",
        Word,
        "A prefix that the constraint's file lacks: error (default) or free",
    ),
];

static TWO_MODELS: &[Flag] = &[
    value("guidance-scale", "guidance_scale", Number),
    of(
        "guidance_scale",
        "guidance-form",
        "form",
        Word,
        "What guidance mixes: log_softmax (default) or logits",
    ),
    of(
        "guidance_scale",
        "uncond",
        "uncond_input",
        File,
        "Unconditional logits for the guidance, of the same shape as the input",
    ),
    of(
        "guidance_scale",
        "uncond-row",
        "uncond_row",
        Count,
        "Row of that file (default: of the same sequence and step)",
    ),
    of("contrastive", "amateur", "amateur_input", File, ""),
    of(
        "contrastive",
        "contrastive-alpha",
        "alpha",
        Number,
        "Share of the best probability that a token needs (default 0.1)",
    ),
    of("contrastive", "contrastive-beta", "beta", Number, "Weight of the amateur (default 0.5)"),
];
