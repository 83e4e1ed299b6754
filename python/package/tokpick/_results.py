"""What comes back: sequences, runs and reports."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _tokpick
from ._call import tell
from ._words import Words

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Sequence:
    """A decoded sequence. Log-probabilities are in nats."""

    #: Number of the sequence in the input.
    sequence: int
    #: Number of the sample, or rank of the beam; 0 is the first.
    sample: int
    #: The ids, the end token included.
    ids: NDArray[np.int64]
    #: Log-probability of each id in the raw row; nan where that masks it, empty if not asked for.
    logprobs: NDArray[np.float64]
    #: The same in the distribution drawn from; in beam search the scores that were summed.
    processed_logprobs: NDArray[np.float64]
    #: Sum of ``logprobs``.
    logprob: float | None
    #: Beam search: what it is ranked by.
    score: float | None
    #: Stochastic beams: the perturbed log-probability.
    perturbed: float | None
    #: Exact search that its budget ended: nothing that is missing has a larger score.
    bound: float | None
    #: ``eos``, ``stop``, ``repetition`` or ``length``.
    finish_reason: str
    #: What the ids say, where a tokenizer or token strings are given: up to the stop string, unless it is to be kept.
    text: str | None = None
    #: The stop string that ended it.
    stop_reason: str | None = None
    #: The name that a file gives the sequence.
    id: Any = None

    @classmethod
    def _of(cls, found: dict[str, Any]) -> Sequence:
        ids = np.frombuffer(found["ids"], dtype=np.uint32).astype(np.int64)
        logprobs = np.array(found["logprobs"], dtype=np.float64)
        processed = np.array(found["processed_logprobs"], dtype=np.float64)
        return cls(**{**found, "ids": ids, "logprobs": logprobs, "processed_logprobs": processed})

    def __len__(self) -> int:
        return len(self.ids)


class Run:
    """A run: what was decoded, and how.

    >>> import tokpick
    >>> run = tokpick.sample([[0.0, 1.0, 2.0]] * 3, seed=7, details=True)
    >>> run.ids
    array([2, 2, 0])
    >>> run.draw, run.seed, len(run)
    ('chacha8-v1', 7, 1)
    >>> run[0].finish_reason
    'length'
    """

    def __init__(self, result: dict[str, Any], words: Words, axes: str | None) -> None:
        #: What was decoded: by sequence, then by sample or rank.
        names = {number: json.loads(name) for number, name in result["names"]}
        self.sequences = [Sequence._of({**found, "id": names.get(found["sequence"])}) for found in result["found"]]
        #: The draw, or the engine; ``None`` where nothing is drawn.
        self.draw: str | None = result["draw"]
        #: The seed that was used: an int, or a string where an engine takes more than a number.
        self.seed: int | str | None = _seed(result["seed"])
        #: The processors, in the form that ``Chain`` takes.
        self.chain: list[Any] = json.loads(result["chain"])
        #: Remarks.
        self.notes: list[str] = result["notes"]
        self._record: str | None = result["record"]
        # of a run that can be repeated: its logits, and files that its words name
        self._words = words if self._record is not None else None
        self._axes = axes

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._words is not None and self._record is not None:
            # the record names files that were made for the run, which have other names here
            for names in self._words.moved.items():
                before, here = (json.dumps(name, ensure_ascii=False)[1:-1] for name in names)
                self._record = self._record.replace(before, here)
            self._words.moved.clear()

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids as one array: the logits' shape without its last axis, with an axis of samples before it where several were
        drawn. A sequence that ended early is filled up with -1."""
        found = [(one.sequence, one.sample, one.ids.astype(np.uint32).tobytes()) for one in self.sequences]
        return shaped(found, self._axes)

    @property
    def record(self) -> dict[str, Any]:
        """The record of the run, as ``tokpick verify`` reads it."""
        return json.loads(self._recorded())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the record. ``numpy.save`` of the logits makes the file that its digest is of."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self._recorded())

    def verify(self, logits: Any = None) -> Verified:
        """Repeats the run, on its own logits unless others are given: every id, log-probability and setting must be the same.

        >>> import tokpick
        >>> run = tokpick.sample([[0.0, 1.0, 2.0]] * 3, seed=7, record=True)
        >>> bool(run.verify())
        True
        >>> run.verify([[0.0, 1.0, 2.5]] * 3).divergence["what"]
        'input'
        """
        record = self._recorded()
        return verify_record(record, self._words.loans if self._words is not None else [], instead=logits)

    def _recorded(self) -> str:
        if self._record is None:
            raise ValueError("the run was not recorded: give record=True")
        return self._record

    def __len__(self) -> int:
        return len(self.sequences)

    def __iter__(self) -> Iterator[Sequence]:
        return iter(self.sequences)

    def __getitem__(self, at: int) -> Sequence:
        return self.sequences[at]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self.ids, dtype=dtype)

    def __repr__(self) -> str:
        return f"Run({len(self)} sequences, draw={self.draw!r}, seed={self.seed!r})"


@dataclass(frozen=True)
class Verified:
    """What came of a record that was repeated; true if everything agrees."""

    #: The first thing that differs; ``None`` if nothing does.
    divergence: dict[str, Any] | None
    #: What decided there, where a token differs.
    step: dict[str, Any] | None
    #: What the record says that is not checked, and is otherwise here.
    not_checked: list[str]

    def __bool__(self) -> bool:
        return self.divergence is None


def verify_record(
    record: str, loans: list[tuple[str, Any, int | None]], path: str | None = None, instead: Any = None
) -> Verified:
    """Repeats the run of a record, which lies at a path, on what is lent, with other logits (or their path) instead of its own."""
    result = _tokpick.verify(record, loans, path, instead)
    tell(result["notes"])
    return Verified(**json.loads(result["found"]))


class Report(Mapping[str, Any]):
    """What a command reports: a mapping with the fields that docs/json.md lists. ``print`` it to read it; a notebook shows its
    picture, where it has one."""

    def __init__(self, data: dict[str, Any], holds: bool, again: Any, picture: str | None) -> None:
        self._data, self._again, self._picture = data, again, picture
        #: Whether a check that it is says yes.
        self.holds = holds

    def text(self, width: int = 80) -> str:
        """The report for reading, in so many columns."""
        return self._again("text", width=width)

    def svg(self) -> str:
        """Its picture.

        Raises ``TypeError`` where a report has none.
        """
        if self._picture is None:
            raise TypeError("this report has no picture")
        return self._again(self._picture)

    def __getitem__(self, key: str) -> Any:
        return self._data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        return self.text().rstrip("\n")

    def __repr__(self) -> str:
        return f"Report({', '.join(self._data)})"

    def _repr_html_(self) -> str | None:
        return None if self._picture is None else self.svg()


def _seed(text: str | None) -> int | str | None:
    seed = None if text is None else json.loads(text)
    return int(seed) if isinstance(seed, str) and seed.isdigit() else seed


def shaped(found: list[tuple[int, int, bytes]], axes: str | None) -> NDArray[np.int64]:
    """Ids (sequence, sample, u32) as an array; ``axes`` are those of the logits, where they are known."""
    if len(found) == 1 and axes in ("tv", "v"):
        ids = np.frombuffer(found[0][2], dtype=np.uint32).astype(np.int64)
        return ids if axes == "tv" else ids[0]
    numbers = sorted({sequence for sequence, _, _ in found})
    samples = 1 + max((sample for _, sample, _ in found), default=0)
    longest = max((len(ids) for _, _, ids in found), default=0) // 4
    all_ids: NDArray[np.int64] = np.full((samples, len(numbers), longest), -1, dtype=np.int64)
    place = {number: at for at, number in enumerate(numbers)}
    for sequence, sample, some in found:
        all_ids[sample, place[sequence], : len(some) // 4] = np.frombuffer(some, dtype=np.uint32)
    layout = axes or ("tv" if len(numbers) == 1 else "btv")
    if layout == "v":
        all_ids = all_ids[:, 0, :1].reshape(samples)
    elif layout == "tv":
        all_ids = all_ids[:, 0, :]
    elif layout == "bv":
        all_ids = all_ids[:, :, 0] if longest else all_ids[:, :, 0:0].reshape(samples, -1)
    elif layout == "tbv":
        all_ids = all_ids.swapaxes(1, 2)
    return all_ids[0] if samples == 1 else all_ids
