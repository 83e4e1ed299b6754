"""Random command lines: settings of every strategy, processor and engine, as Python takes them and as the program's words."""

import json

import ml_dtypes
import numpy as np
import tokpick

#: Size of the vocabulary.
V = 24

PROCESSORS = {
    "temperature": lambda r: round(r.uniform(0.2, 2), 2),
    "top_k": lambda r: r.randint(1, 20),
    "top_p": lambda r: round(r.uniform(0.1, 1), 2),
    "min_p": lambda r: round(r.uniform(0, 0.5), 2),
    "typical_p": lambda r: round(r.uniform(0.1, 1), 2),
    "top_n_sigma": lambda r: round(r.uniform(0.5, 3), 2),
    "top_h": lambda r: round(r.uniform(0.1, 0.9), 2),
    "top_a": lambda r: round(r.uniform(0, 1), 2),
    "tail_free": lambda r: round(r.uniform(0.1, 1), 2),
    "epsilon_cutoff": lambda r: round(r.uniform(0.001, 0.1), 3),
    "eta_cutoff": lambda r: round(r.uniform(0.001, 0.1), 3),
    "p_less": lambda r: True,
    "softcap": lambda r: round(r.uniform(5, 30), 1),
    "smoothing_factor": lambda r: round(r.uniform(0.1, 1), 2),
    "repetition_penalty": lambda r: round(r.uniform(1, 2), 2),
    "presence_penalty": lambda r: round(r.uniform(-1, 2), 2),
    "frequency_penalty": lambda r: round(r.uniform(-1, 2), 2),
    "no_repeat_ngram_size": lambda r: r.randint(1, 3),
    "logit_bias": lambda r: {r.randrange(12): round(r.uniform(-5, 5), 1), 20: "-inf"},
    "suppress_tokens": lambda r: sorted(r.sample(range(V), 3)),
    "bad_words_ids": lambda r: [[r.randrange(V)], [r.randrange(V), r.randrange(V)]],
    "sequence_bias": lambda r: {(r.randrange(V), r.randrange(V)): 3.5},
    "min_new_tokens": lambda r: r.randint(1, 4),
    "renormalize_logits": lambda r: True,
    "p_less_norm": lambda r: True,
    "remove_invalid_values": lambda r: True,
    "allowed_tokens": lambda r: sorted(r.sample(range(V), 15)),
    "begin_suppress_tokens": lambda r: sorted(r.sample(range(V), 3)),
    "encoder_repetition_penalty": lambda r: round(r.uniform(1, 2), 2),
    "encoder_no_repeat_ngram_size": lambda r: r.randint(1, 2),
    "exponential_decay_length_penalty": lambda r: f"{r.randint(1, 3)},{round(r.uniform(1, 2), 2)}",
    "forced_bos_token_id": lambda r: r.randrange(V),
    "forced_eos_token_id": lambda r: r.randrange(V),
    "min_length": lambda r: r.randint(1, 6),
}
#: Processors that need a second model's logits.
COMPANIONS = {"guidance_scale": ("uncond", {"guidance_scale": 1.5}), "contrastive": ("amateur", {})}
#: What a processor's settings are called, where not as itself.
CALLED = {"dynamic_temperature": "dynatemp", "smoothing": "smoothing_factor"}
#: Settings of several words; draws among them.
PAIRED = {
    "xtc": lambda r: {"xtc_probability": 0.7, "xtc_threshold": round(r.uniform(0.05, 0.4), 2)},
    "dry": lambda r: {"dry_multiplier": round(r.uniform(0.5, 2), 1), "dry_allowed_length": r.randint(1, 2)},
    "dynatemp": lambda r: {"dynatemp_range": 0.5, "temperature": 1.1},
    "mirostat": lambda r: {"mirostat": r.choice([1, 2]), "mirostat_tau": round(r.uniform(1, 5), 1)},
    "adaptive": lambda r: {"adaptive_target": round(r.uniform(0.1, 0.9), 2)},
    "gumbel": lambda r: {"draw": "gumbel"},
    "prefix_constraint": lambda r: {
        "prefix_constraint": [{"prefix": [], "allowed": sorted(r.sample(range(V), 5))}],
        "prefix_constraint_missing": "free",
    },
}
SEARCHES = {
    "plain": lambda r: {"length_penalty": round(r.uniform(-1, 2), 1), "early_stopping": r.choice([True, False, "never"])},
    "diverse": lambda r: {"num_beam_groups": 2, "diversity_penalty": 0.7},
    "sample": lambda r: {"beam_sample": True, "seed": r.randrange(2**40)},
    "stochastic": lambda r: {"stochastic": True, "seed": r.randrange(2**40)},
    "forced": lambda r: {"force_ids": [[r.randrange(V)]]},
}
#: Processors of the end token.
NEED_AN_END = {"min_new_tokens", "min_length", "exponential_decay_length_penalty"}
#: What engines take, by the names that they have for it; `n` is how many sequences there are.
OF_ENGINES = {
    "row_seeds": lambda r, n: {"row_seeds": [r.randrange(1, 2**31) for _ in range(n)]},
    "position": lambda r, n: {"position": r.randrange(100)},
    "filtered_batch": lambda r, n: {"filtered_batch": True},
    "num_samples": lambda r, n: {"num_samples": 2},
    "replacement": lambda r, n: {"replacement": "false", "num_samples": 2},
    "penalty_last_n": lambda r, n: {"penalty_last_n": r.randint(1, 5), "repetition_penalty": 1.4},
    "dry_base": lambda r, n: {**PAIRED["dry"](r), "dry_base": 1.5},
    "dry_last_n": lambda r, n: {**PAIRED["dry"](r), "dry_last_n": 4},
    "dry_breakers": lambda r, n: {**PAIRED["dry"](r), "dry_breakers": [[r.randrange(V)]]},
    "dynamic_temperature_exponent": lambda r, n: {**PAIRED["dynatemp"](r), "dynatemp_exponent": 1.5},
    "mirostat_eta": lambda r, n: {**PAIRED["mirostat"](r), "mirostat_eta": 0.2},
    "mirostat_m": lambda r, n: {"mirostat": 1, "mirostat_m": 50},
    "adaptive_decay": lambda r, n: {**PAIRED["adaptive"](r), "adaptive_decay": 0.5},
    "min_tokens_to_keep": lambda r, n: {"min_p": 0.3, "min_tokens_to_keep": 3},
    **{name: lambda r, n: PAIRED["dry"](r) for name in ("dry_multiplier", "dry_allowed_length")},
    **{name: lambda r, n: PAIRED["xtc"](r) for name in ("xtc_probability", "xtc_threshold")},
    **{name: lambda r, n: PAIRED["mirostat"](r) for name in ("mirostat", "mirostat_tau")},
    "dynamic_temperature_range": lambda r, n: PAIRED["dynatemp"](r),
    "adaptive_target": lambda r, n: PAIRED["adaptive"](r),
}
#: What chains hold, by the names of JSON.
IN_CHAINS = {
    **{name: PROCESSORS[name] for name in ("temperature", "top_k", "top_p", "min_p", "typical_p", "top_a", "repetition_penalty", "top_h")},
    "xtc": lambda r: {"probability": 0.6, "threshold": round(r.uniform(0.05, 0.4), 2)},
    "dry": lambda r: {"multiplier": 0.8, "allowed_length": r.randint(1, 2)},
}
#: Engines, each as often as what it takes needs cases.
ENGINES = [engine for engine in tokpick.engines() for _ in range(1 + len(engine["parameters"]) // 9)]
#: Two thirds of the cases draw, whose settings are most.
COMMANDS = ["sample", "sample", "sample", "engine", "engine", "greedy", "beam", "search", "probs"]


def case(r):
    """A command, its settings, and the shape of its logits."""
    command = r.choice(COMMANDS)
    shape = r.choice([(V,), (5, V), (3, 4, V)]) if command != "search" else (3, V)
    settings = {}
    if command != "search" and len(shape) > 1 and r.random() < 0.3:
        settings["layout"] = r.choice(["tv", "bv"] if len(shape) == 2 else ["btv", "tbv"])
    if command == "engine":
        return "sample", {**settings, **of_engine(r, sequences(shape, settings))}, shape
    chained = r.random() < 0.15
    if chained:
        settings["chain"] = [{name: IN_CHAINS[name](r)} for name in r.sample(sorted(IN_CHAINS), r.randint(1, 3))]
    for name in r.sample(sorted(PROCESSORS), 0 if chained else r.randint(0, 3)):
        settings[name] = PROCESSORS[name](r)
    if not chained and r.random() < 0.2:
        settings["order"] = r.choice(["hf", "llama.cpp", "vllm"])
    if r.random() < 0.4:
        settings["prompt_ids"] = [r.randrange(V) for _ in range(r.randint(1, 4))]
    if r.random() < 0.4 or NEED_AN_END & set(settings):
        settings["eos_token_id"] = [r.randrange(V)]
    if command == "sample":
        settings["seed"] = r.choice([r.randrange(2**31), 2**64 - 1])
        if not chained and r.random() < 0.4:
            settings.update(PAIRED[r.choice(sorted(PAIRED))](r))
        if r.random() < 0.3:
            settings["num_samples"] = r.randint(1, 3)
    if command == "beam":
        settings.update(num_beams=4, num_return_sequences=r.randint(1, 3), **SEARCHES[r.choice(sorted(SEARCHES))](r))
    if command == "probs" or any("xtc" in stage for stage in settings.get("chain", ())):
        # coins
        settings["seed"] = 3
    if command in ("sample", "greedy", "beam") and r.random() < 0.15:
        settings = {name: value for name, value in settings.items() if name != "layout"}
        settings.update(source="bigram", max_new_tokens=r.randint(1, 6), prompt_ids=[r.randrange(V)])
        return command, settings, (V, V)
    # a companion has the layout that its axes have by themselves
    if not chained and "layout" not in settings and command in ("sample", "greedy", "probs") and r.random() < 0.15:
        name, more = COMPANIONS[r.choice(sorted(COMPANIONS))]
        other = np.random.default_rng(r.randrange(2**31)).normal(0, 2, shape).astype(np.float32)
        settings.update({name: other, **more})
    return command, settings, shape


def of_engine(r, n):
    """An engine, and some of what it takes."""
    engine = r.choice(ENGINES)
    settings = {}
    for name in r.sample(engine["parameters"], r.randint(0, min(5, len(engine["parameters"])))):
        settings.update(OF_ENGINES[name](r, n) if name in OF_ENGINES else {name: PROCESSORS[name](r)})
    if "mirostat" in settings or "adaptive_target" in settings:
        # each of them is the end of a chain
        settings.pop("adaptive_target" if "mirostat" in settings else "mirostat", None)
        settings.pop("adaptive_decay" if "mirostat" in settings else "mirostat_tau", None)
    return {**settings, "engine": engine["name"], "seed": r.randrange(1, 2**31)}


def sequences(shape, settings):
    """How many sequences logits of a shape are."""
    layout = settings.get("layout", {1: "v", 2: "tv", 3: "btv"}[len(shape)])
    return dict(zip(layout, shape)).get("b", 1)


def numbers(r, number, shape, settings):
    """The logits of a case."""
    kinds = [np.float32, np.float64] if "engine" in settings else [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]
    return np.random.default_rng(number).normal(0, 2, shape).astype(r.choice(kinds))


def given(r, logits, settings):
    """The same as Python may hold them: in another order, with gaps, in lists; a function."""
    forms = [
        lambda x: x,
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
        lambda x: np.flip(np.flip(x, 0).copy(), 0),
        lambda x: tuple(x) if x.ndim > 1 else x,
        lambda x: x.astype(np.float64).tolist() if x.dtype != np.float64 else x.tolist(),
    ]
    if settings.get("source") == "bigram" and r.random() < 0.5:
        return lambda prefixes: logits[[prefix[-1] for prefix in prefixes]]
    return r.choice(forms)(logits)


def keywords(r, settings):
    """Arguments of a call: a chain stands in its place, in any of its forms."""
    rest = {name: value for name, value in settings.items() if name != "chain"}
    if "chain" not in settings:
        return [], rest
    chain = settings["chain"]
    text = ",".join(
        f"{name.replace('_', '-')}({','.join(f'{k}={v}' for k, v in value.items())})" if isinstance(value, dict) else f"{name}={value}"
        for stage in chain
        for name, value in stage.items()
    )
    return [r.choice([chain, json.dumps(chain), text, tokpick.Chain(text)])], rest


def flags(settings, folder):
    """Settings as words of the program, by hand: not with the code that is tested."""
    words = []
    for name, value in settings.items():
        long = "--" + name.replace("_", "-")
        if isinstance(value, np.ndarray):
            np.save(folder / f"{name}.npy", value)
            value = f"{name}.npy"
        if name == "prefix_constraint":
            (folder / "allowed.jsonl").write_text("".join(json.dumps(line) + "\n" for line in value))
            value = "allowed.jsonl"
        if value is True and name != "early_stopping":
            words.append(long)
        elif isinstance(value, bool):
            words.append(f"{long}={str(value).lower()}")
        elif isinstance(value, dict):
            keys = [[list(k) if isinstance(k, tuple) else k, v] for k, v in value.items()]
            words.append(f"{long}={json.dumps(keys)}")
        elif isinstance(value, list) and name in ("row_seeds", "position"):
            words.append(f"{long}={','.join(map(str, value))}")
        elif isinstance(value, list):
            words.append(f"{long}={json.dumps(value)}")
        else:
            words.append(f"{long}={value}")
    return words
