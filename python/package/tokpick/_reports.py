"""Questions about logits and ids."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _tokpick
from ._decode import settled
from ._results import Report, Verified, tell, verify_record
from ._words import Words, chain_text, is_array

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._chain import Chain
    from ._settings import Settings


def _report(
    command: str,
    inputs: list[tuple[str, Any]],
    settings: dict[str, Any],
    *,
    picture: str | None = None,
    text: str = "text",
) -> Report:
    """What a command reports; asked again where it is to be read or seen."""
    inputs = [(name, settled(logits)) for name, logits in inputs]

    def ask(form: str, width: int | None = None) -> dict[str, Any]:
        words = Words(command)
        for name, logits in inputs:
            words.input(name, logits)
        words.settings(settings)
        words.words.append(f"--format={form}")
        if width is not None:
            words.words.append(f"--width={width}")
        return _tokpick.call(words.words, words.loans, "text")

    def again(form: str, width: int | None = None) -> str:
        return ask(text if form == "text" else form, width)["output"].decode()

    result = ask("json")
    tell(result["notes"], 3)
    return Report(json.loads(result["output"]), result["holds"], again, picture)


def _lists(ids: Any) -> Any:
    """Ids of one sequence or of several, without what fills a short one up."""
    if isinstance(ids, str):
        return ids
    if isinstance(ids, os.PathLike):
        return f"@{os.fspath(ids)}"
    sequences = getattr(ids, "sequences", None)
    if sequences is not None:
        lists = [one.ids.tolist() for one in sequences]
    else:
        if is_array(ids) or hasattr(ids, "tolist"):
            ids = np.asarray(ids).tolist()
        ids = [ids] if isinstance(ids, int) else list(ids)
        lists = [list(one) for one in ids] if ids and not isinstance(ids[0], (int, np.integer)) else [ids]
    return json.dumps([[int(id) for id in one if id != -1] for one in lists])


def score(
    logits: Any, ids: Any, chain: str | list[Any] | Chain | None = None, /, **settings: Unpack[Settings]
) -> Report:
    """How probable ids are: log-probability, rank, surprise, entropy, perplexity.

    >>> import numpy as np, tokpick
    >>> report = tokpick.score(np.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]), [0, 2])
    >>> round(report["sequences"][0]["perplexity"], 4)
    1.5811
    """
    return _report(
        "score",
        [("logits", logits)],
        {"ids": _lists(ids), "chain": chain_text(chain), **settings},
        picture="svg",
        text="table",
    )


def diff(a: Any, b: Any, chain: str | list[Any] | Chain | None = None, /, **settings: Unpack[Settings]) -> Report:
    """Two arrays of logits, row by row: how far apart, and which draws would flip. With ``max_kl`` or ``min_top1`` its truth is
    whether they are near enough.

    >>> import tokpick
    >>> report = tokpick.diff([[0.0, 1.0], [2.0, 0.0]], [[0.0, 1.0], [0.0, 2.0]], max_kl=0.1)
    >>> bool(report), report["summary"]["top1"]
    (False, 0.5)
    """
    return _report("diff", [("a", a), ("b", b)], {"chain": chain_text(chain), **settings})


def explain(
    logits: Any, chain: str | list[Any] | Chain | None = None, /, **settings: Unpack[Settings]
) -> Report:
    """What each processor does to the distribution of a step, and how the token is drawn. A notebook shows the picture.

    >>> import tokpick
    >>> report = tokpick.explain([2.0, 1.0, 0.0, -1.0], temperature=0.5, top_k=2, seed=7)
    >>> report["steps"][0]["draw"]["id"]
    0
    """
    return _report("explain", [("logits", logits)], {"chain": chain_text(chain), **settings}, picture="svg")


def compare(logits: Any, /, *settings_: str, **settings: Unpack[Settings]) -> Report:
    """Strategies side by side on the same rows: chains, ``"greedy"``, ``"beam=4"``.

    >>> import tokpick
    >>> report = tokpick.compare([[0.0, 1.0], [2.0, 0.0]], "greedy", "temperature=0.7", seed=7)
    >>> len(report["settings"])
    2
    """
    return _report("compare", [("logits", logits)], {"with": list(settings_), **settings}, picture="svg")


def tree(
    logits: Any, chain: str | list[Any] | Chain | None = None, /, **settings: Unpack[Settings]
) -> Report:
    """A beam search as a tree: what was considered, and what became of it."""
    return _report("tree", [("logits", logits)], {"chain": chain_text(chain), **settings}, picture="svg")


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
    return _report("verify", [("logits", logits)], {"ids": _lists(ids), "chain": chain_text(chain), **settings})


def verify_file(path: str | os.PathLike[str], logits: Any) -> Verified:
    """Repeats the run of a recorded file on logits, which must be those of the record."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    name = json.loads(text)["input"]["path"]
    return verify_record(text, [(name, settled(logits), None)])


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
