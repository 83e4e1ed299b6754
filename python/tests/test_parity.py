"""Random cases: Python's ids are the program's, for strategies, processors and engines.

TOKPICK_CASES says how many (200 by default), TOKPICK_PROGRAM which program.
"""

import json
import os
import random
import subprocess
import sys

import numpy as np
import pytest
import tokpick

CASES = int(os.environ.get("TOKPICK_CASES", "200"))
PROGRAM = os.environ.get("TOKPICK_PROGRAM")

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
    "suppress_tokens": lambda r: sorted(r.sample(range(24), 3)),
    "bad_words_ids": lambda r: [[r.randrange(24)], [r.randrange(24), r.randrange(24)]],
    "sequence_bias": lambda r: {(r.randrange(24), r.randrange(24)): 3.5},
    "min_new_tokens": lambda r: r.randint(1, 4),
    "renormalize_logits": lambda r: True,
    "p_less_norm": lambda r: True,
    "remove_invalid_values": lambda r: True,
    "allowed_tokens": lambda r: sorted(r.sample(range(24), 15)),
    "begin_suppress_tokens": lambda r: sorted(r.sample(range(24), 3)),
    "encoder_repetition_penalty": lambda r: round(r.uniform(1, 2), 2),
    "encoder_no_repeat_ngram_size": lambda r: r.randint(1, 2),
    "exponential_decay_length_penalty": lambda r: f"{r.randint(1, 3)},{round(r.uniform(1, 2), 2)}",
    "forced_bos_token_id": lambda r: r.randrange(24),
    "forced_eos_token_id": lambda r: r.randrange(24),
    "min_length": lambda r: r.randint(1, 6),
}
#: Processors that need a second model's logits.
COMPANIONS = {"guidance_scale": ("uncond", {"guidance_scale": 1.5}), "contrastive": ("amateur", {})}
#: What a processor's settings are called, where not as itself.
CALLED = {"dynamic_temperature": "dynatemp", "smoothing": "smoothing_factor"}
#: Needs a file that goes with the vocabulary: the program's own tests read it.
ELSEWHERE = {"prefix_constraint"}
PAIRED = {
    "xtc": lambda r: {"xtc_probability": 0.7, "xtc_threshold": round(r.uniform(0.05, 0.4), 2)},
    "dry": lambda r: {"dry_multiplier": round(r.uniform(0.5, 2), 1), "dry_allowed_length": r.randint(1, 2)},
    "dynatemp": lambda r: {"dynatemp_range": 0.5, "temperature": 1.1},
    "mirostat": lambda r: {"mirostat": r.choice([1, 2]), "mirostat_tau": round(r.uniform(1, 5), 1)},
    "adaptive": lambda r: {"adaptive_target": round(r.uniform(0.1, 0.9), 2)},
    "gumbel": lambda r: {"draw": "gumbel"},
}
SEARCHES = {
    "plain": lambda r: {"length_penalty": round(r.uniform(-1, 2), 1), "early_stopping": r.choice([True, False, "never"])},
    "diverse": lambda r: {"num_beam_groups": 2, "diversity_penalty": 0.7},
    "sample": lambda r: {"beam_sample": True, "seed": r.randrange(2**40)},
    "stochastic": lambda r: {"stochastic": True, "seed": r.randrange(2**40)},
    "forced": lambda r: {"force_ids": [[r.randrange(24)]]},
}
#: Processors of the end token.
NEED_AN_END = {"min_new_tokens", "min_length", "exponential_decay_length_penalty"}
#: What an engine takes, by the names of the settings.
OF_ENGINES = {"temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty", "presence_penalty"}


def case(r):
    """A command, its settings, and the shape of its logits."""
    command = r.choice(["sample", "sample", "sample", "engine", "greedy", "beam", "search", "probs"])
    shape = r.choice([(24,), (5, 24), (3, 4, 24)]) if command != "search" else (3, 24)
    settings = {}
    if command == "engine":
        engine = r.choice(tokpick.engines())
        known = sorted(OF_ENGINES & set(engine["parameters"]))
        settings = {name: PROCESSORS[name](r) for name in r.sample(known, r.randint(0, min(2, len(known))))}
        return "sample", {**settings, "engine": engine["name"], "seed": r.randrange(1, 2**31)}, shape
    for name in r.sample(sorted(PROCESSORS), r.randint(0, 3)):
        settings[name] = PROCESSORS[name](r)
    if r.random() < 0.4:
        settings["prompt_ids"] = [r.randrange(24) for _ in range(r.randint(1, 4))]
    if r.random() < 0.4 or NEED_AN_END & set(settings):
        settings["eos_token_id"] = [r.randrange(24)]
    if command == "sample":
        settings["seed"] = r.choice([r.randrange(2**31), 2**64 - 1])
        if r.random() < 0.4:
            settings.update(PAIRED[r.choice(sorted(PAIRED))](r))
        if r.random() < 0.3:
            settings["num_samples"] = r.randint(1, 3)
    if command == "beam":
        settings.update(num_beams=4, num_return_sequences=r.randint(1, 3), **SEARCHES[r.choice(sorted(SEARCHES))](r))
    if command == "probs":
        settings["seed"] = 3
    if command in ("sample", "greedy", "probs") and r.random() < 0.1:
        name, more = COMPANIONS[r.choice(sorted(COMPANIONS))]
        other = np.random.default_rng(r.randrange(2**31)).normal(0, 2, shape).astype(np.float32)
        settings.update({name: other, **more})
    return command, settings, shape


def flags(settings, folder):
    """Settings as words of the program, by hand: not with the code that is tested."""
    words = []
    for name, value in settings.items():
        long = "--" + name.replace("_", "-")
        if isinstance(value, np.ndarray):
            np.save(folder / f"{name}.npy", value)
            value = f"{name}.npy"
        if value is True and name != "early_stopping":
            words.append(long)
        elif isinstance(value, bool):
            words.append(f"{long}={str(value).lower()}")
        elif isinstance(value, dict):
            keys = [[list(k) if isinstance(k, tuple) else k, v] for k, v in value.items()]
            words.append(f"{long}={json.dumps(keys)}")
        elif isinstance(value, list):
            words.append(f"{long}={json.dumps(value)}")
        else:
            words.append(f"{long}={value}")
    return words


def test_every_processor_and_engine_has_cases():
    cases = [case(random.Random(number)) for number in range(2000)]
    names = {name for _, settings, _ in cases for name in settings}
    for processor in tokpick.processors():
        name = CALLED.get(processor["name"], processor["name"])
        known = [name, *PAIRED.get(name, lambda r: {})(random.Random(1)), COMPANIONS.get(name, [name])[0]]
        assert processor["name"] in ELSEWHERE or names & set(known), processor["name"]
    assert {s["engine"] for _, s, _ in cases if "engine" in s} == {engine["name"] for engine in tokpick.engines()}


@pytest.mark.filterwarnings("ignore::tokpick.Note")
@pytest.mark.parametrize("block", range(10))
def test_python_and_the_program_give_the_same(block, tmp_path):
    program = [PROGRAM] if PROGRAM else [sys.executable, "-m", "tokpick"]
    refused = 0
    for number in range(block, CASES, 10):
        r = random.Random(number)
        command, settings, shape = case(r)
        dtype = r.choice([np.float32, np.float64]) if "engine" in settings else r.choice([np.float16, np.float32, np.float64])
        logits = np.random.default_rng(number).normal(0, 2, shape).astype(dtype)
        np.save(tmp_path / "logits.npy", logits)
        extra = ["--exact"] if command == "search" else []
        words = [*program, command, "logits.npy", *extra, *flags(settings, tmp_path), "--format=json"]
        done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
        what = f"case {number}: {command} {settings} {shape}\n{done.stderr}"
        try:
            if command == "probs":
                found = tokpick.probs(logits, **settings)
            else:
                found = getattr(tokpick, command)(logits, details=True, **settings)
        except tokpick.Error as error:
            refused += 1
            said = str(error).replace("logits: ", "logits.npy: ")
            assert done.returncode == 2 and said.split("\n")[0] in done.stderr, f"{error}\n{what}"
            continue
        assert done.returncode == 0, what
        document = json.loads(done.stdout)
        if command == "probs":
            flat = found.reshape(-1, shape[-1])
            for row, expected in zip(flat, document["rows"], strict=True):
                assert np.array_equal(np.flatnonzero(row), [i for i, p in zip(expected["ids"], expected["probs"]) if p]), what
                assert np.array_equal(row[expected["ids"]], expected["probs"]), what
            continue
        assert [one.ids.tolist() for one in found] == [s["ids"] for s in document["sequences"]], what
        for one, expected in zip(found, document["sequences"], strict=True):
            assert one.score == expected.get("score") and one.finish_reason == expected["finish_reason"], what
            assert one.logprob == expected["logprob"], what
        # a companion is lent under the name of its argument
        chain = json.loads(json.dumps(document["chain"]).replace('.npy"', '"'))
        assert found.draw == document["draw"] and found.chain == chain, what
    assert refused < CASES / 20
