"""Calls: keyword arguments as a command line, which is run on what is lent to it."""

from __future__ import annotations

import re
import sys
import warnings
from typing import TYPE_CHECKING, Any

from . import _tokpick
from ._words import Words, chain_text, given

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

#: A seed that was taken.
SEED = re.compile(r"seed (\d+)")
#: What an exact search says of itself.
SEARCHED = re.compile(r"sequence \d+: (exact|the node budget)")


class Note(UserWarning):
    """A remark that does not end the run: a setting without effect, rows that look like probabilities."""


def tell(notes: Collection[str]) -> None:
    """Remarks as warnings where the package was called, but for those that the result holds."""
    if not notes:
        return
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("tokpick."):
        level, frame = level + 1, frame.f_back
    for note in notes:
        if not SEED.fullmatch(note) and not SEARCHED.match(note):
            warnings.warn(note, Note, stacklevel=level)


def once(settings: Mapping[str, Any], flag: str, said: str) -> None:
    """Refuses settings that say what something else says already."""
    if given(settings, flag) is not None:
        raise TypeError(f"{said}, and as {flag}=")


def words_of(command: str, inputs: list[tuple[str, Any]], chain: Any, settings: Mapping[str, Any]) -> Words:
    """The command line of a call; ``inputs`` are names and logits."""
    words = Words(command)
    for name, logits in inputs:
        words.input(name, logits, settings.get("vocab_size"))
    if chain is not None:
        once(settings, "chain", "the chain is given twice: in its place")
    words.settings(settings if chain is None else {**settings, "chain": chain_text(chain)})
    return words


def call(
    words: Words, want: str, threads: int | None = None, *, details: bool = False, record: bool = False
) -> dict[str, Any]:
    """Runs a command line; its remarks become warnings."""
    result = _tokpick.call(words.words, words.loans, want, details, record, threads)
    tell(result["notes"])
    return result
