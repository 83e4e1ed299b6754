"""tokpick's processors inside ``generate`` of transformers."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from ._call import once
from ._chain import Chain
from ._decode import probs
from ._words import chain_text

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._settings import Settings

__all__ = ["Processor", "processor"]


def processor(chain: str | list[Any] | Chain | None = None, /, **settings: Unpack[Settings]) -> Processor:
    """A logits processor for ``model.generate(..., logits_processor=[processor("min-p=0.1,dry=0.8")])``.

    Scores become the log-probabilities of the distribution that the chain leaves, −inf where a token is removed. What follows in
    transformers' own list (its temperature, top-k and top-p, at their defaults without effect but for top-k 50) works on these.
    ``seed`` (0 unless given) is for the coins of XTC.
    """
    seed: Any = settings.pop("seed", None)
    return Processor(chain, 0 if seed is None else operator.index(seed), dict(settings))


class Processor:
    """What `processor` makes: called with the ids so far, ``[B, L]``, and the scores, ``[B, V]``, of torch."""

    def __init__(self, chain: str | list[Any] | Chain | None, seed: int, settings: dict[str, Any]) -> None:
        for flag in ("prompt", "prompt_ids", "prefix_ids", "sequence_offset"):
            once(settings, flag, f"{flag} is given twice: by the generation itself, at every step")
        self.chain = None if chain is None else Chain(chain)
        self.seed, self.settings = seed, settings
        #: Ids of the prompt; ``None`` until the first call of a generation tells.
        self.prompt_length: int | None = None
        self._length = 0
        self._coins = "xtc" in (chain_text(self.chain) or "") or "xtc_probability" in settings

    def reset(self) -> None:
        """Forgets the prompt: another generation begins. A call with other than one id more than the last says it, too."""
        self.prompt_length = None

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        length = int(input_ids.shape[-1])
        if self.prompt_length is None or length != self._length + 1:
            self.prompt_length = length
        self._length = length
        begin, step = self.prompt_length, length - self.prompt_length
        rows = scores.detach().to("cpu", torch.float32)
        left = np.empty(tuple(rows.shape))
        for at, (ids, row) in enumerate(zip(input_ids.tolist(), rows, strict=True)):
            given: dict[str, Any] = {"prompt_ids": ids[:begin], "prefix_ids": ids[begin:], **self.settings}
            if self._coins:
                # a coin for each step and row
                given["seed"] = (self.seed + (step << 32)) % 2**64
                given["sequence_offset"] = at
            left[at] = probs(row, self.chain, **given)
        with np.errstate(divide="ignore"):
            processed = torch.from_numpy(np.log(left))
        return processed.to(scores.device, scores.dtype)
