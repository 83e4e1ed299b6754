"""From a language model's logits to token ids: every decoding strategy, exact and reproducible.

>>> import numpy as np, tokpick
>>> logits = np.array([[2.0, -1.0, 0.5, 1.8], [0.0, 3.0, 1.0, 0.5]], dtype=np.float32)
>>> tokpick.sample(logits, temperature=0.8, top_p=0.9, seed=7)
array([3, 2])

Everything is decided by the program ``tokpick``, which this package holds: the same names, the same ids, the same words where
something is wrong.
"""

from typing import TYPE_CHECKING

from ._tokpick import Error, __version__

if TYPE_CHECKING:
    from ._call import Note
    from ._chain import Chain
    from ._decode import beam, greedy, probs, sample, search
    from ._reports import compare, diff, engines, explain, processors, score, tree, verify, verify_file
    from ._results import Report, Run, Sequence, Verified

__all__ = [
    "Chain",
    "Error",
    "Note",
    "Report",
    "Run",
    "Sequence",
    "Verified",
    "__version__",
    "beam",
    "compare",
    "diff",
    "engines",
    "explain",
    "greedy",
    "probs",
    "processors",
    "sample",
    "score",
    "search",
    "tree",
    "verify",
    "verify_file",
]

#: Where each name is: NumPy is only loaded by who needs it, and the program doesn't.
_PLACES = {
    "Chain": "_chain",
    "Note": "_call",
    **dict.fromkeys(["beam", "greedy", "probs", "sample", "search"], "_decode"),
    **dict.fromkeys(["Report", "Run", "Sequence", "Verified"], "_results"),
    **dict.fromkeys(
        ["compare", "diff", "engines", "explain", "processors", "score", "tree", "verify", "verify_file"], "_reports"
    ),
}


def __getattr__(name: str) -> object:
    """Loads what is asked for the first time."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f".{_PLACES[name]}", __name__), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
