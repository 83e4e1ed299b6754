"""Random cases: Python's ids are the program's, for strategies, processors and engines.

TOKPICK_CASES says how many (200 by default; `.ci/python` takes 2,000 where the program is built), TOKPICK_PROGRAM which program.
"""

import json
import os
import random
import subprocess
import sys

import numpy as np
import pytest
import tokpick
from cases import CALLED, COMPANIONS, PAIRED, SEARCHES, case, flags, given, keywords, numbers

CASES = int(os.environ.get("TOKPICK_CASES", "200"))
PROGRAM = os.environ.get("TOKPICK_PROGRAM")


def program(*words, cwd):
    name = [PROGRAM] if PROGRAM else [sys.executable, "-m", "tokpick"]
    return subprocess.run([*name, *words], capture_output=True, text=True, cwd=cwd)


def said(error):
    """The first line of an error, with the names that the program's files have."""
    return str(error).replace("logits: ", "logits.npy: ").replace("uncond: ", "uncond.npy: ").split("\n")[0]


def test_every_strategy_processor_and_engine_has_cases():
    cases = [case(random.Random(number)) for number in range(2000)]
    names = {name for _, settings, _ in cases for name in settings}
    chained = {name for _, settings, _ in cases for stage in settings.get("chain", ()) for name in stage}
    for processor in tokpick.processors():
        name = CALLED.get(processor["name"], processor["name"])
        known = [name, *PAIRED.get(name, lambda r: {})(random.Random(1)), COMPANIONS.get(name, [name])[0]]
        assert (names | chained) & set(known), processor["name"]
    assert {command for command, _, _ in cases} == {"sample", "greedy", "beam", "search", "probs"}
    for search in SEARCHES.values():
        assert set(search(random.Random(1))) <= names
    for engine in tokpick.engines():
        used = [s for _, s, _ in cases if s.get("engine") == engine["name"]]
        # each of what it takes is given in some case
        assert len(used) > 10, engine["name"]
        taken = {name for settings in used for name in settings}
        renamed = {"dynamic_temperature_range": "dynatemp_range", "dynamic_temperature_exponent": "dynatemp_exponent"}
        assert {renamed.get(name, name) for name in engine["parameters"]} <= taken, engine["name"]


@pytest.mark.filterwarnings("ignore::tokpick.Note")
@pytest.mark.parametrize("block", range(10))
def test_python_and_the_program_give_the_same(block, tmp_path):
    refused = 0
    for number in range(block, CASES, 10):
        r = random.Random(number)
        command, settings, shape = case(r)
        logits = numbers(r, number, shape, settings)
        np.save(tmp_path / "logits.npy", logits)
        extra = ["--exact"] if command == "search" else []
        done = program(command, "logits.npy", *extra, *flags(settings, tmp_path), "--format=json", cwd=tmp_path)
        brief = {name: "an array" if isinstance(value, np.ndarray) else value for name, value in settings.items()}
        what = f"case {number}: {command} {brief} {shape}\n{done.stderr}"
        here = given(r, logits, settings)
        chain, rest = keywords(r, settings)
        if callable(here):
            del rest["source"]
        details = {} if command == "probs" else {"details": True}
        try:
            found = getattr(tokpick, command)(here, *chain, **rest, **details)
        except tokpick.Error as error:
            refused += 1
            assert done.returncode == 2 and said(error) in done.stderr, f"{error}\n{what}"
            continue
        assert done.returncode == 0, what
        document = json.loads(done.stdout)
        if command == "probs":
            turned = found.swapaxes(0, 1) if settings.get("layout") == "tbv" else found
            flat = turned.reshape(-1, shape[-1])
            for row, expected in zip(flat, document["rows"], strict=True):
                assert np.array_equal(np.flatnonzero(row), [i for i, p in zip(expected["ids"], expected["probs"]) if p]), what
                assert np.array_equal(row[expected["ids"]], expected["probs"]), what
            continue
        assert [one.ids.tolist() for one in found] == [s["ids"] for s in document["sequences"]], what
        for one, expected in zip(found, document["sequences"], strict=True):
            assert one.score == expected.get("score") and one.finish_reason == expected["finish_reason"], what
            assert one.logprob == expected["logprob"], what
        # a companion is lent under the name of its argument; a file for a while has a name of its own
        chain = json.loads(json.dumps(document["chain"]).replace('.npy"', '"'))
        assert found.draw == document["draw"] and unnamed(found.chain) == unnamed(chain), what
    assert refused < CASES / 20


def unnamed(chain):
    """A chain without the names of files that were made for it."""
    return [{name: "a file" if name == "prefix_constraint" else value for name, value in stage.items()} for stage in chain]
