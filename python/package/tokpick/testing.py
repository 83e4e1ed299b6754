"""Golden tests: that logits still decode to the ids that they did.

In a test:

>>> from tokpick.testing import assert_decodes
>>> logits = [[2.0, -1.0, 0.5, 1.8], [0.0, 3.0, 1.0, 0.5]]
>>> assert_decodes(logits, [3, 2], temperature=0.8, top_p=0.9, seed=7)
>>> assert_decodes(logits, [3, 1], temperature=0.8, top_p=0.9, seed=7)
Traceback (most recent call last):
AssertionError: ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._reports import verify

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._chain import Chain
    from ._settings import Settings

__all__ = ["assert_decodes"]


def assert_decodes(
    logits: Any, ids: Any, chain: str | list[Any] | Chain | None = None, /, **settings: Unpack[Settings]
) -> None:
    """Asserts that ids are what logits decode to: drawn with ``seed``, or with ``greedy=True`` the most probable ones. ``logit_noise``,
    ``min_match`` and ``max_margin`` allow for other hardware, as `tokpick.verify` says.

    Where it fails, the message has the mismatches and by how much each token lost.
    """
    __tracebackhide__ = True
    report = verify(logits, ids, chain, **settings)
    if not report.holds:
        raise AssertionError(f"the logits decode to other ids\n{report.text(100)}")
