"""Chains of logits processors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import _tokpick
from ._words import chain_text

if TYPE_CHECKING:
    from collections.abc import Iterator


class Chain:
    """Logits processors in their order: a string or JSON as ``--chain`` takes it, or pairs of a name and a value.

    >>> from tokpick import Chain
    >>> chain = Chain("temperature=0.8,top-k=40,xtc(probability=0.5,threshold=0.1)")
    >>> list(chain)
    [{'temperature': 0.8}, {'top_k': 40}, {'xtc': {'probability': 0.5, 'threshold': 0.1}}]
    >>> Chain([{"temperature": 0.8}, {"top_k": 40}]) == Chain("temperature=0.8,top-k=40")
    True
    >>> Chain("top-kk=40")
    Traceback (most recent call last):
    tokpick.Error: ...
    """

    def __init__(self, chain: str | list[Any] | Chain) -> None:
        self._json = _tokpick.chain(chain_text(chain) or "")

    def to_json(self) -> str:
        """The chain in the form that records have."""
        return self._json

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(json.loads(self._json))

    def __len__(self) -> int:
        return len(json.loads(self._json))

    def __add__(self, other: str | list[Any] | Chain) -> Chain:
        return Chain([*self, *Chain(other)])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chain) and self._json == other._json

    def __hash__(self) -> int:
        return hash(self._json)

    def __repr__(self) -> str:
        return f"Chain({self._json!r})"
