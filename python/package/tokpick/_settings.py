"""The types of keyword arguments; written by tools/settings.py."""

from collections.abc import Sequence
from typing import Any, TypedDict


class Settings(TypedDict, total=False):
    """All that can be set, by the names of the program's flags. ``None`` is the default."""

    #: What the axes are: t steps, b sequences of a batch, v tokens (default: tv for two axes, btv for three)
    layout: Any
    #: A part of the steps (of the sequences with `--layout bv`), which keep their numbers; B is not included
    rows: Any
    #: Number the sequences from N on: a part of a job draws what the whole draws there
    sequence_offset: int | None
    #: The I-th of N parts of the sequences (with `--layout bv` of the rows), which keep their numbers; the outputs of all parts, one after the other, are that of one run
    shard: Any
    #: What a `uint16` NPY array holds: bf16
    dtype: Any
    #: Which array of an .npz or safetensors file (INPUT#NAME says it, too), where there are several and none is called `logits`
    array: str | None
    #: INPUT is bare little-endian numbers, f32, f16, bf16 or f64, in rows of `--vocab-size`
    raw: str | None
    #: Read JSON `null` as a masked token
    null_is_masked: bool | None
    #: The numbers are probabilities, not logits (JSON may say so itself: `{"probs": [...]}`)
    probs: bool | None
    #: Refuse rows that leave out more than this share of the probability: those of servers list the likeliest tokens alone
    max_missing_mass: float | None
    #: Which tokens of a server's answer are read (default: what was generated, unless the prompt alone has log-probabilities)
    part: Any
    #: What the rows of a [V,V] array are: `bigram` reads row i as the logits after token i
    source: str | None
    #: Token strings: a JSON list, a JSON object token → id, or text with a token a line; may be shorter than V; `-` is standard input. A tokenizer.json, too
    vocab: Any
    #: A tokenizer.json of Hugging Face: text as its library decodes it, and texts as ids (`--prompt`, `--ids-text`, `--bad-words`)
    tokenizer: Any
    #: The folder of a model: its tokenizer.json, and the end tokens of its generation_config.json, config.json or tokenizer_config.json (the other settings of generation_config.json: `--generation-config`)
    model_dir: Any
    #: Leave special tokens out of texts (`<|im_end|>`, `</s>`)
    skip_special_tokens: bool | None
    #: Vocabulary size, for sparse rows whose ids don't tell it, and for rows of a padded model: their ids from V up are masked
    vocab_size: int | None
    #: The prompt
    prompt_ids: Any
    #: The prompt as text, with the tokens that its tokenizer puts around a text (`<s>`); needs a tokenizer
    prompt: Any
    #: What was generated before the input's first step: generated for processors and tables, but not for output and limits
    prefix_ids: Any
    #: At most so many new tokens (default: until the input ends; 20 for tables, bigrams and models)
    max_new_tokens: int | None
    #: End tokens: a sequence ends with any of them; ids, or with a vocabulary the strings of tokens
    eos_token_id: Any
    #: An end token by its string (`<|im_end|>`); may be repeated
    eos_token: Any
    #: End a sequence where its text holds this, also across tokens; its text ends before it. May be repeated; the match that is complete first counts
    stop: Any
    #: The text keeps the stop string
    include_stop: bool | None
    #: End a sequence that goes round in circles: its ids end with one block (of 1 to 512 ids) N times in a row
    stop_on_repeat: int | None
    #: Seed, 0 to 2^64 − 1, or what the engine takes (default: a fresh one, said on standard error and recorded)
    seed: int | str | Sequence[int] | None
    #: How tokens are drawn
    draw: str | None
    #: Independent samples of each sequence (default 1)
    num_samples: int | None
    #: Draw as this engine does: its order, its arithmetic, its generator
    engine: str | None
    #: vllm, vllm-v2*, sglang: the seed of each row (vllm: `none` for a row without one of its own)
    row_seeds: Any
    #: vllm-v2*, sglang: the position of the first step, or one for each row: prompt length − 1 for the first drawn token (default: from the prompt's ids)
    position: Any
    #: sglang: the batch held a request with top-k, top-p or temperature 0 beside this one
    filtered_batch: bool | None
    #: torch-multinomial: whether a call may draw an id twice
    replacement: Any
    #: llama.cpp: refuse ids of the history beyond the vocabulary, which it passes over
    strict: bool | None
    #: Mirostat, version 1 or 2: cuts so that the surprise of the drawn tokens stays near a target (0: off)
    mirostat: Any
    #: Target surprise in bits (default 5)
    mirostat_tau: float | None
    #: Learning rate (default 0.1)
    mirostat_eta: float | None
    #: How many tokens version 1 estimates from (default 100)
    mirostat_m: int | None
    #: Where the surprise of a drawn token is taken: after the cut (llama.cpp, the default) or before it (the authors' code)
    mirostat_surprise: str | None
    #: Adaptive-p: prefers tokens near this probability (negative: a plain draw)
    adaptive_target: float | None
    #: How fast adaptive-p forgets, 0 to 0.99 (default 0.9)
    adaptive_decay: float | None
    #: How many beams live on (default 4)
    num_beams: int | None
    #: Exponent of the length in the score: 0 neutral, 1 the mean log-probability, more favours longer ones (default 1; 0 with --stochastic)
    length_penalty: float | None
    #: How the length enters the score (default hf)
    length_norm: str | None
    #: When a search with enough finished hypotheses stops (default false)
    early_stopping: Any
    #: How many hypotheses of each sequence are returned, best first (default 1)
    num_return_sequences: int | None
    #: Prune what is more than X nats below the best continuation of a step
    beam_margin: float | None
    #: Draw the continuations without replacement, as transformers' beams with `do_sample` do, and rank what was drawn by sum (5.24; default) or in the order of the draw (up to 5.23)
    beam_sample: Any | bool | None
    #: Stochastic beam search: hypotheses drawn without replacement; X from 0 (plain beam search) to 1 (default) is the part of the noise
    stochastic: float | bool | None
    #: Diverse beam search: groups of beams that avoid each other's tokens
    num_beam_groups: int | None
    #: What a token costs for each beam of an earlier group that took it (default 0)
    diversity_penalty: float | None
    #: Phrases that every hypothesis must hold, separated by `;` (the flag may also be repeated); JSON, where a phrase may take one of several forms: '[[[5,6],[7]]]'
    force_ids: Any
    #: Divides every logit by T: below 1 sharper, above 1 flatter, 0 greedy (off: 1)
    temperature: float | None
    #: Squeezes every logit into (-c, c) (off: 0)
    softcap: float | None
    #: Bends the logits into a parabola around the best one (off: 0)
    smoothing_factor: float | None
    #: Curve of the smoothing (default 1)
    smoothing_curve: float | None
    #: Temperature that rises with the entropy (off: temperature 1 and range 0)
    dynatemp_range: float | None
    #: Exponent of the relative entropy in dynamic temperature (default 1)
    dynatemp_exponent: float | None
    #: Turns scores into log-probabilities
    renormalize_logits: bool | None
    #: Keeps the k most probable tokens (off: 0)
    top_k: int | None
    #: Keeps the smallest set of best tokens whose probability reaches p (off: 1)
    top_p: float | None
    #: Keeps the tokens at least m times as probable as the best one (off: 0)
    min_p: float | None
    #: Keeps the logits at most n standard deviations below the largest (off: 0)
    top_n_sigma: float | None
    #: Keeps the best tokens as long as their share of the entropy stays below h
    top_h: float | None
    #: Keeps the tokens whose surprise is nearest to the entropy, until their probability reaches p (off: 1)
    typical_p: float | None
    #: Removes the tokens less probable than epsilon (off: 0)
    epsilon_cutoff: float | None
    #: Removes the tokens less probable than a threshold that falls with the entropy (off: 0)
    eta_cutoff: float | None
    #: Keeps the tokens of at least a times the square of the largest probability (off: 0)
    top_a: float | None
    #: Cuts the tail where the curve of the sorted probabilities has become flat (off: 1)
    tail_free: float | None
    #: Keeps the tokens at least as probable as two draws are to agree
    p_less: bool | None
    #: Keeps the tokens at least as probable as two draws are to agree beyond chance
    p_less_norm: bool | None
    #: Now and then removes the most probable tokens, all but the least probable of the good ones (off: 0)
    xtc_probability: float | None
    #: What counts as a top choice for XTC (default 0.1)
    xtc_threshold: float | None
    #: Every truncation keeps at least so many tokens (default 1)
    min_tokens_to_keep: int | None
    #: Divides positive and multiplies negative logits of tokens that already occurred (off: 1)
    repetition_penalty: float | None
    #: Subtracts the penalty once for each time a token was generated (off: 0)
    frequency_penalty: float | None
    #: Subtracts the penalty once from every token that was generated (off: 0)
    presence_penalty: float | None
    #: How many of the newest ids these three count: -1 all (default), 0 none
    penalty_last_n: int | None
    #: Which ids these three count: all (default of repetition) or generated (of the others)
    penalty_scope: str | None
    #: Lowers tokens that would continue a repetition, exponentially in its length (off: 0)
    dry_multiplier: float | None
    #: Base of DRY's exponential (default 1.75)
    dry_base: float | None
    #: Longest repetition that DRY lets pass (default 2)
    dry_allowed_length: int | None
    #: How many of the newest ids DRY looks at: -1 all (default), 0 none
    dry_last_n: int | None
    #: Sequences that no repetition reaches across, for DRY
    dry_breakers: Any
    #: Raises tokens that the encoder read (off: 1)
    encoder_repetition_penalty: float | None
    #: Forbids tokens that would repeat an n-gram of prompt and generated ids (off: 0)
    no_repeat_ngram_size: int | None
    #: Forbids tokens that would repeat an n-gram of the encoder's input (off: 0)
    encoder_no_repeat_ngram_size: int | None
    #: The encoder's input for the two processors above (default: the prompt)
    encoder_ids: Any
    #: Raises the end tokens by a factor that grows with every token after the start (off: factor 1)
    exponential_decay_length_penalty: Any
    #: Adds a number to the logits of given tokens
    logit_bias: Any
    #: Adds a number to the logit of the token that would complete a sequence
    sequence_bias: Any
    #: Forbids tokens that would complete one of the given sequences
    bad_words_ids: Any
    #: Forbids the end tokens until prompt and generated ids are so many (off: 0)
    min_length: int | None
    #: Forbids the end tokens until so many tokens have been generated (off: 0)
    min_new_tokens: int | None
    #: Allows after each generated prefix the tokens that a file names
    prefix_constraint: Any
    #: A prefix that the constraint's file lacks: error (default) or free
    prefix_constraint_missing: str | None
    #: Forbids the given tokens
    suppress_tokens: Any
    #: Forbids the given tokens at the first generated place
    begin_suppress_tokens: Any
    #: Allows nothing but the given tokens
    allowed_tokens: Any
    #: Makes a token certain after the first one
    forced_bos_token_id: int | None
    #: Makes the end tokens certain at the last place before the maximum length
    forced_eos_token_id: Any
    #: Repairs NaN and infinite logits instead of refusing them
    remove_invalid_values: bool | None
    #: Moves the logits away from those of an unconditional prompt (off: 1)
    guidance_scale: float | None
    #: What guidance mixes: log_softmax (default) or logits
    guidance_form: str | None
    #: Unconditional logits for the guidance, of the same shape as the input
    uncond: Any
    #: Row of that file (default: of the same sequence and step)
    uncond_row: int | None
    #: Prefers among plausible tokens those that an amateur model doesn't (off: alpha 0 and beta 0)
    amateur: Any
    #: Share of the best probability that a token needs (default 0.1)
    contrastive_alpha: float | None
    #: Weight of the amateur (default 0.5)
    contrastive_beta: float | None
    #: Forbid a word, behind a blank and without one; needs a tokenizer. May be repeated
    bad_words: Any
    #: Add a number to the logits of each token of a text (as llama.cpp's `logit_bias`); needs a tokenizer. May be repeated
    logit_bias_text: Any
    #: The order of the processors: hf (default), llama.cpp, vllm, or a list of names
    order: str | None
    #: Processors and order at once: "temperature=0.8,top-k=40,xtc(probability=0.5,threshold=0.1)", or JSON as recorded
    chain: Any
    #: Settings from a Hugging Face generation_config.json; flags win
    generation_config: Any
    #: Settings from a JSON object as OpenAI-style servers take it; flags win
    sampling_params: Any
    #: With --histogram: show so many outcomes of each sequence (default: 20; in JSON all)
    top: int | None
    #: Find the true best: uniform-cost search for the largest sum of log-probabilities (length penalty 0)
    exact: bool | None
    #: Ask for at most N rows of each sequence; then the best found comes with a bound on what was missed
    max_nodes: int | None
    #: The ids of each sequence (and sample), lists separated by `;` or line breaks, or @FILE
    ids: Any
    #: The text of a sequence (and sample) in place of its ids; needs a tokenizer. May be repeated, once for each
    ids_text: Any
    #: What the marks of a text tell
    by: str | None
    #: Status 1 if the KL divergence of a row exceeds this, either way, in nats
    max_kl: float | None
    #: Status 1 if fewer rows than this share agree on the most probable token
    min_top1: float | None
    #: What is compared: rows of logits, or the log-probabilities of the tokens that were taken, a server's and a trainer's for instance (default: what the files hold)
    of: str | None
    #: Sampling masks, the ids that were kept at each step (nested lists, or ids with offsets): are they what the processors leave?
    mask: Any
    #: Count the tokens whose ratio of probabilities is outside [1/C, C]
    ratio_bound: Any
    #: The overlap is of so many best tokens
    overlap_k: int | None
    #: Show this step alone, or steps A to B, of which B is not included (default: all)
    step: Any
    #: A setting; may be repeated: "top-k=40", "temperature=0.7,top-p=0.9", beam=4, greedy
    with_: Any
    #: All values of a parameter, under every setting: temperature=0.1..2.0:0.1 or top-k=1,5,10; twice: a grid
    sweep: Any
    #: Ids (lists separated by `;` or line breaks, or @FILE), or text where there are token strings: adds BLEU, ROUGE and METEOR
    reference: Any
    #: At most so many pruned continuations of each beam are drawn (JSON has all)
    pruned: int | None
    #: The ids are the most probable tokens, not drawn
    greedy: bool | None
    #: Try all engines, orders and batch conventions: which of them draws these ids?
    guess: bool | None
    #: Size of the noise that the logits may carry: the standard deviation of a Gaussian, in nats
    logit_noise: float | None
    #: A mismatch that noise makes with less than this probability counts as not explained
    alpha: float | None
    #: How far an engine's own rounding may move the scores of a race against each other: tokens that lost by no more are explained by it; below 1 (default for vllm-v2* and sglang: 1e-5, or eight spacings of float32 at the row's largest score where that is more; else none)
    tolerance: float | None
    #: How far an engine's own cut may be from top-p, as a share of the mass (with --tolerance)
    cut_tolerance: float | None
    #: With --guess: seeds to try for the engines whose draws depend on seed and position alone; B is not included
    seeds: Any
    #: With --guess: positions of the first id to try for them (default: the prompt's, or 0..4096)
    positions: Any
    #: Where a margin is clipped before the mean is taken
    clip: float | None
    #: It holds if at least this share of steps matches (default: all of them)
    min_match: float | None
    #: It holds if no token lost by more than this
    max_margin: float | None
    #: The same as ``prefix_ids``.
    prefix: Any
    #: Threads for the rows: 0 for all cores, which is the default where it is worth it.
    threads: int | None


class Decoding(Settings, total=False):
    """What strategies take beside it."""

    #: Gives a `Run`: log-probabilities, texts, why a sequence ended.
    details: bool
    #: Gives a `Run` that can be verified, and saved.
    record: bool
