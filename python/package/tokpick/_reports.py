"""Questions about logits and ids."""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from . import _tokpick
from ._call import SEED, once, tell, words_of
from ._decode import settled, shape_of
from ._results import Report, Verified, verify_record
from ._words import given

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._chain import Chain
    from ._settings import Settings


class _Asked:
    """A command whose report is asked for in one form or another; it can be pickled with its inputs, and with what is in the files that were made for it."""

    def __init__(self, command: str, inputs: list[tuple[str, Any]], chain: Any, settings: Mapping[str, Any], text: str) -> None:
        rest = dict(settings)
        self.threads = rest.pop("threads", None)
        inputs = [(name, settled(logits)) for name, logits in inputs]
        self.words = words_of(command, inputs, chain, rest)
        self.form = text

    def ask(self, form: str, width: int | None = None) -> dict[str, Any]:
        """What comes of it in a form, and remarks. A seed that was taken is that of all forms."""
        words = [*self.words.words, f"--format={form}"]
        if width is not None:
            words.append(f"--width={width}")
        result = _tokpick.call(words, self.words.loans, "text", False, False, self.threads)
        self.words.words.extend(f"--seed={note[1]}" for note in map(SEED.fullmatch, result["notes"]) if note)
        return result

    def __call__(self, form: str, width: int | None = None) -> str:
        return self.ask(self.form if form == "text" else form, width)["output"].decode()


def _report(
    command: str,
    inputs: list[tuple[str, Any]],
    chain: Any,
    settings: Mapping[str, Any],
    *,
    picture: str | None = None,
    text: str = "text",
) -> Report:
    """What a command reports; asked again where it is to be read or seen."""
    asked = _Asked(command, inputs, chain, settings, text)
    result = asked.ask("json")
    tell(result["notes"])
    return Report(json.loads(result["output"]), result["holds"], asked, picture)


def _claimed(logits: Any, ids: Any, settings: Mapping[str, Any]) -> tuple[str, int | None]:
    """Ids for ``--ids``, which settings don't give again, and how many samples they are, where that can be seen."""
    once(settings, "ids", "the ids are given twice: in their place")
    axes, sequences = shape_of(logits, settings.get("layout"))
    asked = given(settings, "num_samples")
    found, many = _lists(ids, axes, sequences, asked)
    if many is not None and asked is not None and many != asked:
        raise ValueError(f"num_samples={asked}, but the ids are those of {many} samples: leave it away, or give the ids of {asked}")
    return found, many


def _lists(ids: Any, axes: str | None, sequences: int | None, samples: int | None) -> tuple[str, int | None]:
    """Ids for ``--ids``, a list for each sequence, the samples of a sequence together: of an array as `sample` gives it for logits
    with such axes, and so many sequences and samples, or of lists. And how many samples there are, where that can be seen."""
    if isinstance(ids, str):
        return ids, None
    if isinstance(ids, os.PathLike):
        return f"@{os.fsdecode(ids)}", None
    found = getattr(ids, "sequences", None)
    if found is not None:
        return json.dumps([one.ids.tolist() for one in found]), 1 + max((one.sample for one in found), default=0)
    ids = _plain(ids)
    depth, many = _depth(ids), None
    # lists of one id are those of sequences, or samples of the only one
    alone = sequences == 1 or (sequences is None and samples == len(ids if isinstance(ids, list) else ()))
    if axes in ("v", "bv") and (alone or not (depth == 2 and all(len(one) == 1 for one in ids))):
        # each id is all of its sequence; before them may be an axis of samples
        drawn = [[ids]] if depth == 0 else ids if depth > 1 else [ids] if axes == "bv" else [[id] for id in ids]
        many = len(drawn)
        ids = [[id] for row in _swapped(drawn) for id in row]
    else:
        ids = [[ids]] if depth == 0 else [ids] if depth == 1 else ids
        if axes == "tbv":
            ids = [_swapped(one) for one in ids] if depth == 3 else _swapped(ids)
        if axes == "tv":
            many = len(ids)
        if depth == 3:
            many = len(ids)
            ids = [one for samples in _swapped(ids) for one in samples]
    return json.dumps([_unfilled(one) for one in ids]), many


def _plain(ids: Any) -> Any:
    """Ids, or strings of tokens, in lists."""
    if hasattr(ids, "tolist"):
        ids = ids.tolist()
    if isinstance(ids, str):
        return ids
    if isinstance(ids, Iterable):
        return [_plain(one) for one in ids]
    if isinstance(ids, bool) or not hasattr(ids, "__index__"):
        raise TypeError(f"ids are whole numbers, not {ids!r}")
    return operator.index(ids)


def _depth(ids: Any) -> int:
    return 1 + max(map(_depth, ids), default=0) if isinstance(ids, list) else 0


def _swapped(ids: list[Any]) -> list[Any]:
    """The first two axes the other way round."""
    if len({len(one) for one in ids}) > 1:
        raise ValueError("the ids are lists of different lengths where an array is meant: fill them up with -1")
    return [list(one) for one in zip(*ids)]


def _unfilled(ids: list[Any]) -> list[Any]:
    """Ids of a sequence without what fills it up."""
    end = len(ids)
    while end and ids[end - 1] == -1:
        end -= 1
    return ids[:end]


def score(
    logits: Any, ids: Any, chain: str | list[Any] | Chain | None = None, /, **settings: Unpack[Settings]
) -> Report:
    """How probable ids are: log-probability, rank, surprise, entropy, perplexity.

    >>> import numpy as np, tokpick
    >>> report = tokpick.score(np.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]), [0, 2])
    >>> round(report["sequences"][0]["perplexity"], 4)
    1.5811
    """
    logits = settled(logits)
    claimed, _ = _claimed(logits, ids, settings)
    return _report("score", [("logits", logits)], chain, {**settings, "ids": claimed}, picture="svg", text="table")


def diff(a: Any, b: Any, chain: str | list[Any] | Chain | None = None, /, **settings: Unpack[Settings]) -> Report:
    """Two arrays of logits, row by row: how far apart, and which draws would flip. With ``max_kl`` or ``min_top1`` its truth is
    whether they are near enough.

    >>> import tokpick
    >>> report = tokpick.diff([[0.0, 1.0], [2.0, 0.0]], [[0.0, 1.0], [0.0, 2.0]], max_kl=0.1)
    >>> bool(report), report["summary"]["top1"]
    (False, 0.5)
    """
    return _report("diff", [("a", a), ("b", b)], chain, settings)


def explain(
    logits: Any, chain: str | list[Any] | Chain | None = None, /, **settings: Unpack[Settings]
) -> Report:
    """What each processor does to the distribution of a step, and how the token is drawn. A notebook shows the picture.

    >>> import tokpick
    >>> report = tokpick.explain([2.0, 1.0, 0.0, -1.0], temperature=0.5, top_k=2, seed=7)
    >>> report["steps"][0]["draw"]["id"]
    0
    """
    return _report("explain", [("logits", logits)], chain, settings, picture="svg")


def compare(logits: Any, /, *settings_: str, **settings: Unpack[Settings]) -> Report:
    """Strategies side by side on the same rows: chains, ``"greedy"``, ``"beam=4"``.

    >>> import tokpick
    >>> report = tokpick.compare([[0.0, 1.0], [2.0, 0.0]], "greedy", "temperature=0.7", seed=7)
    >>> len(report["settings"])
    2
    """
    if settings_:
        once(settings, "with", "the settings to compare are given twice: in their place")
        settings = {**settings, "with_": list(settings_)}
    return _report("compare", [("logits", logits)], None, settings, picture="svg")


def tree(
    logits: Any, chain: str | list[Any] | Chain | None = None, /, **settings: Unpack[Settings]
) -> Report:
    """A beam search as a tree: what was considered, and what became of it."""
    return _report("tree", [("logits", logits)], chain, settings, picture="svg")


def verify(
    logits: Any, ids: Any, chain: str | list[Any] | Chain | None = None, /, **settings: Unpack[Settings]
) -> Report:
    """Whether ids were drawn from these logits with a seed: every step is drawn again, with the ids as history, and a mismatch
    tells by how much the claimed token lost. With ``guess=True``: which engine draws them?

    >>> import tokpick
    >>> logits = [[0.0, 1.0, 2.0]] * 3
    >>> ids = tokpick.sample(logits, seed=7)
    >>> bool(tokpick.verify(logits, ids, seed=7)), bool(tokpick.verify(logits, [2, 2, 2], seed=7))
    (True, False)
    """
    logits = settled(logits)
    claimed, samples = _claimed(logits, ids, settings)
    if given(settings, "num_samples") is None:
        settings["num_samples"] = samples
    return _report("verify", [("logits", logits)], chain, {**settings, "ids": claimed})


def verify_file(path: str | os.PathLike[str], logits: Any = None) -> Verified:
    """Repeats the run of a recorded file, on its own input unless logits are given, as an array or a path; they must be those of the
    record. Files that it names are looked for beside it."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return verify_record(text, [], os.fspath(path), logits)


def engines() -> list[dict[str, Any]]:
    """The engines whose draws can be replayed.

    >>> import tokpick
    >>> "llama.cpp" in [engine["name"] for engine in tokpick.engines()]
    True
    """
    return _listed("engines")


def processors() -> list[dict[str, Any]]:
    """All logits processors: names, flags, off values, what they do.

    >>> import tokpick
    >>> "min_p" in [processor["name"] for processor in tokpick.processors()]
    True
    """
    return _listed("processors")


def _listed(what: str) -> list[dict[str, Any]]:
    output = _tokpick.call([what, "--format=json"], [], "text")["output"]
    return json.loads(output)[what]
