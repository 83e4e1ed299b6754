"""Strategies: logits in, ids out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _tokpick
from ._call import call, words_of
from ._results import Run, shaped
from ._words import is_array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from typing_extensions import Unpack

    from ._chain import Chain
    from ._settings import Decoding, Settings


def axes_of(logits: Any, layout: str | None) -> str | None:
    """What the axes of logits are, where it is known."""
    return shape_of(logits, layout)[0]


def shape_of(logits: Any, layout: str | None) -> tuple[str | None, int | None]:
    """What the axes of logits are, and how many sequences they have; each where it is known."""
    if isinstance(logits, (str, os.PathLike)) or (callable(logits) and not is_array(logits)):
        return layout, None
    sizes, _, _ = _tokpick.look(logits)
    axes = _axes(len(sizes), layout)
    sequences = dict(zip(axes or "", sizes)).get("b", 1) if axes else None
    return axes, sequences


def _axes(count: int | None, layout: str | None) -> str | None:
    """What so many axes are."""
    return {1: "v", 2: layout or "tv", 3: layout or "btv", None: layout}.get(count)


def settled(logits: Any) -> Any:
    """Logits that are looked at twice: lists become an array once."""
    if isinstance(logits, (list, tuple)):
        _, _, in_place = _tokpick.look(logits)
        return logits if in_place else np.asarray(logits)
    return logits


def decode(command: str, logits: Any, chain: Any, settings: Mapping[str, Any]) -> Any:
    """Runs a strategy."""
    rest = dict(settings)
    details, record = bool(rest.pop("details", False)), bool(rest.pop("record", False))
    logits = settled(logits)
    threads = rest.pop("threads", None)
    words = words_of(command, [("logits", logits)], chain, rest)
    whole = details or record
    result = call(words, "run" if whole else "ids", threads, details=details, record=record)
    axes = _axes(result["axes"], rest.get("layout"))
    return Run(result, words, axes) if whole else shaped(result["ids"], axes)


def sample(
    logits: Any,
    chain: str | list[Any] | Chain | None = None,
    /,
    **settings: Unpack[Decoding],
) -> Any:
    """Draws tokens from the processed distribution.

    ``logits`` are an array of NumPy, torch, JAX or MLX on the CPU (read where it lies), lists, a tuple of arrays as
    ``generate(output_logits=True)`` returns it (with ``layout="tbv"``), the path of a file, or a model: a function that gets
    prefixes (lists of ids) and gives their rows, ``[n, V]``. Types are f16, bf16, f32, f64 and integers, axes ``[V]``, ``[T, V]`` and
    ``[B, T, V]``.

    ``chain`` or keyword arguments with transformers' names say what processors do; the draw of a ``seed`` is the same on every
    machine and in every part of a job. ``engine="vllm-v2"`` replays an engine.

    Returns an array of ids with the shape of the logits without its last axis; ``num_samples=n`` puts an axis of samples before it,
    and a sequence that ended early is filled up with -1. With ``details=True`` it is a `Run`, which also has log-probabilities;
    with ``record=True`` one that can be verified.

    >>> import numpy as np, tokpick
    >>> logits = np.array([[2.0, -1.0, 0.5, 1.8], [0.0, 3.0, 1.0, 0.5]], dtype=np.float32)
    >>> tokpick.sample(logits, temperature=0.8, top_p=0.9, seed=7)
    array([3, 2])
    >>> tokpick.sample(logits, "temperature=0.8,top-p=0.9", seed=7, num_samples=3).shape
    (3, 2)
    >>> tokpick.sample(logits, top_p=1.5, seed=7)
    Traceback (most recent call last):
    tokpick.Error: --top-p 1.5: must be from 0 to 1 (1 keeps all)
    """
    return decode("sample", logits, chain, settings)


def greedy(
    logits: Any,
    chain: str | list[Any] | Chain | None = None,
    /,
    **settings: Unpack[Decoding],
) -> Any:
    """The most probable token of every step, the lowest id among equals.

    >>> import tokpick
    >>> tokpick.greedy([[0.1, 2.0], [3.0, 1.0]])
    array([1, 0])
    """
    return decode("greedy", logits, chain, settings)


def beam(
    logits: Any,
    chain: str | list[Any] | Chain | None = None,
    /,
    **settings: Unpack[Decoding],
) -> Any:
    """Beam search with transformers' parameters: the ids of the best hypothesis, or of ``num_return_sequences``, best first.

    >>> import tokpick
    >>> def model(prefixes):
    ...     after = {1: [-9.0, -9.0, 1.0, 0.8], 3: [5.0, 0.0, 0.0, 0.0]}
    ...     return [after.get(prefix[-1], [0.0] * 4) for prefix in prefixes]
    >>> tokpick.beam(model, prompt=[1], num_beams=3, eos_token_id=0, max_new_tokens=5)
    array([3, 0])
    """
    return decode("beam", logits, chain, settings)


def search(
    logits: Any,
    chain: str | list[Any] | Chain | None = None,
    /,
    **settings: Unpack[Decoding],
) -> Any:
    """The true best sequence, by exact search, for small cases; ``max_nodes`` bounds the work.

    >>> import tokpick
    >>> tokpick.search([[0.1, 2.0], [3.0, 1.0]])
    array([1, 0])
    """
    return decode("search", logits, chain, {"exact": True, **settings})


def probs(
    logits: Any,
    chain: str | list[Any] | Chain | None = None,
    /,
    **settings: Unpack[Settings],
) -> NDArray[np.float64]:
    """The distribution that `sample` draws from: an array of the logits' shape, 0 where a token is masked or removed.

    >>> import numpy as np, tokpick
    >>> tokpick.probs(np.log([0.5, 0.3, 0.1, 0.1]), "top-k=2").round(3)
    array([0.625, 0.375, 0.   , 0.   ])
    """
    logits = settled(logits)
    threads = settings.pop("threads", None)
    found = call(words_of("probs", [("logits", logits)], chain, settings), "rows", threads)["rows"]
    sequences, steps = sorted({row[0] for row in found}), sorted({row[1] for row in found})
    vocab = max((row[2] for row in found), default=0)
    place = {number: at for at, number in enumerate(sequences)}
    first = min(steps, default=0)
    all_probs = np.zeros((len(sequences), len(steps), vocab))
    for sequence, step, _, ids, values in found:
        row = all_probs[place[sequence], step - first]
        row[np.frombuffer(ids, dtype=np.uint32)] = np.frombuffer(values, dtype=np.float64)
    match axes_of(logits, settings.get("layout")) or ("tv" if len(sequences) == 1 else "btv"):
        case "v":
            return all_probs[0, 0]
        case "tv":
            return all_probs[0]
        case "bv":
            return all_probs[:, 0]
        case "tbv":
            return all_probs.swapaxes(0, 1)
    return all_probs
