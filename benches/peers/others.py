"""µs per row of NumPy, torch, transformers and llama.cpp over the rows of a file, beside tokpick's whole process over the same file: a table
for docs/speed.md.

    tokpick synth 256x128256 --dist normal --scale 3 --seed 1 -o rows.npy
    python benches/peers/others.py rows.npy

What isn't installed has no column. `TOKPICK=PATH` names the program, `LIBLLAMA=PATH` llama.cpp's library (`libllama.so`).

CPU time, one thread. A peer's rows are in memory; tokpick's figure is everything that its process does, the reading of the file included.
"""

import ctypes
import os
import resource
import subprocess
import sys
import time
from functools import partial

import numpy as np

PASSES = 3
CHAINS = {
    "temperature 0.8": {"temperature": 0.8},
    "top-k 40": {"top_k": 40},
    "top-p 0.9": {"top_p": 0.9},
    "temperature 0.8, top-k 50, top-p 0.95": {"temperature": 0.8, "top_k": 50, "top_p": 0.95},
    "min-p 0.05": {"min_p": 0.05},
    "typical 0.9": {"typical_p": 0.9},
}


class Numpy:
    """What is usually written by hand."""

    name = f"NumPy {np.__version__}"

    def __init__(self, rows):
        self.rows, self.rng = rows, np.random.default_rng(1)

    def greedy(self, at):
        return self.rows[at].argmax()

    def sample(self, at, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, typical_p=1.0):
        row = self.rows[at] / np.float32(temperature) if temperature != 1.0 else self.rows[at]
        ids = np.argpartition(row, -top_k)[-top_k:] if top_k else None
        row = row if ids is None else row[ids]
        p = np.exp(row - row.max())
        p /= p.sum()
        if min_p:
            p[p < min_p * p.max()] = 0
        if typical_p < 1:
            surprise = -np.log(p)
            self.keep(p, np.argsort(np.abs(surprise - (p * surprise).sum())), typical_p)
        if top_p < 1:
            self.keep(p, np.argsort(-p), top_p)
        running = p.cumsum(dtype=np.float64)
        drawn = running.searchsorted(self.rng.random() * running[-1], side="right")
        return drawn if ids is None else ids[drawn]

    @staticmethod
    def keep(p, order, share):
        sorted_p = p[order]
        p[order[sorted_p.cumsum() - sorted_p >= share]] = 0

    def score(self, at):
        row = self.rows[at].astype(np.float64)
        best = row.max()
        return row[at] - best - np.log(np.exp(row - best).sum())

    def divergence(self, at):
        a, b = (self.logprobs(row) for row in (self.rows[at], self.rows[at - 1]))
        return (np.exp(a) * (a - b)).sum()

    @staticmethod
    def logprobs(row):
        row = row.astype(np.float64)
        row -= row.max()
        return row - np.log(np.exp(row).sum())


class Torch:
    """torch's own functions, in the order of transformers."""

    def __init__(self, rows):
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(1)
        self.torch, self.name = torch, f"torch {torch.__version__.split('+')[0]}"
        self.rows = torch.from_numpy(rows)

    def greedy(self, at):
        return self.rows[at].argmax().item()

    def sample(self, at, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, typical_p=1.0):
        row = self.rows[at] / temperature if temperature != 1.0 else self.rows[at]
        ids = None
        if top_k:
            row, ids = row.topk(top_k)
        p = row.softmax(-1)
        if min_p:
            p[p < min_p * p.max()] = 0
        if typical_p < 1:
            surprise = -p.log()
            self.keep(p, (surprise - (p * surprise).sum()).abs().argsort(), typical_p)
        if top_p < 1:
            self.keep(p, p.argsort(descending=True), top_p)
        drawn = p.multinomial(1)
        return (drawn if ids is None else ids[drawn]).item()

    @staticmethod
    def keep(p, order, share):
        sorted_p = p[order]
        p[order[sorted_p.cumsum(-1) - sorted_p >= share]] = 0

    def score(self, at):
        """As lm-eval scores: `log_softmax`, whether the token is the most probable one, and its number."""
        logprobs = self.rows[at].log_softmax(-1)
        return (logprobs.argmax() == at).item(), logprobs[at].item()

    def divergence(self, at):
        a, b = (self.rows[i].double().log_softmax(-1) for i in (at, at - 1))
        return self.torch.nn.functional.kl_div(b, a, reduction="sum", log_target=True).item()


class Transformers(Torch):
    """The processors and the draw of `generate`."""

    def __init__(self, rows):
        super().__init__(rows)
        import transformers
        from transformers.generation import logits_process

        self.warpers, self.list = logits_process, logits_process.LogitsProcessorList
        self.name = f"transformers {transformers.__version__}"

    def sample(self, at, **chain):
        kinds = {
            "temperature": self.warpers.TemperatureLogitsWarper,
            "top_k": self.warpers.TopKLogitsWarper,
            "top_p": self.warpers.TopPLogitsWarper,
            "min_p": self.warpers.MinPLogitsWarper,
            "typical_p": self.warpers.TypicalLogitsWarper,
        }
        processors = self.list([kinds[name](value) for name, value in chain.items()])
        scores = processors(None, self.rows[at : at + 1])
        return self.torch.multinomial(scores.softmax(-1), 1).item()

    greedy = score = divergence = None


class LlamaCpp:
    """Chains of `llama_sampler`; the array that they change is filled for every row, as `common` does it."""

    name = "llama.cpp"
    score = divergence = None

    class Array(ctypes.Structure):
        _fields_ = [
            ("data", ctypes.c_void_p),
            ("size", ctypes.c_size_t),
            ("selected", ctypes.c_int64),
            ("sorted", ctypes.c_bool),
        ]

    def __init__(self, rows):
        self.rows, self.library = rows, ctypes.CDLL(os.environ.get("LIBLLAMA", "libllama.so.0"))
        self.library.llama_sampler_apply.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        self.ids = np.arange(rows.shape[1], dtype=np.int32)
        self.tokens = np.zeros(rows.shape[1], dtype=[("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])
        number, count = ctypes.c_float, ctypes.c_size_t
        self.kinds = {
            "temperature": self.kind("temp", number),
            "top_k": self.kind("top_k", ctypes.c_int32),
            "top_p": partial(self.kind("top_p", number, count), b=1),
            "min_p": partial(self.kind("min_p", number, count), b=1),
            "typical_p": partial(self.kind("typical", number, count), b=1),
        }
        self.argmax, self.dist = self.kind("greedy")(), self.kind("dist", ctypes.c_uint32)(7)
        self.chains = {}

    def kind(self, name, *types):
        make = getattr(self.library, f"llama_sampler_init_{name}")
        make.restype, make.argtypes = ctypes.c_void_p, types
        return lambda *a, b=None: make(*a, *([] if b is None else [b]))

    def apply(self, at, samplers):
        self.tokens["id"], self.tokens["logit"] = self.ids, self.rows[at]
        array = self.Array(self.tokens.ctypes.data, len(self.tokens), -1, False)
        for sampler in samplers:
            self.library.llama_sampler_apply(sampler, ctypes.byref(array))
        return self.tokens["id"][array.selected]

    def greedy(self, at):
        return self.apply(at, [self.argmax])

    def sample(self, at, **chain):
        key = tuple(chain.items())
        if key not in self.chains:
            self.chains[key] = [self.kinds[name](value) for name, value in key] + [self.dist]
        return self.apply(at, self.chains[key])


def micros(run, rows):
    """The mean over the rows of the least CPU time of each."""
    least = np.full(rows, np.inf)
    for _ in range(PASSES):
        for at in range(rows):
            began = time.thread_time_ns()
            run(at)
            least[at] = min(least[at], time.thread_time_ns() - began)
    return least.mean() / 1e3


def process(words, rows):
    """CPU time of the program, for a row."""
    least = float("inf")
    for _ in range(PASSES):
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([os.environ.get("TOKPICK", "tokpick"), *words], check=True, stdout=subprocess.DEVNULL)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        least = min(least, ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime)
    return least * 1e6 / rows


def peers(rows):
    for kind in (Numpy, Torch, Transformers, LlamaCpp):
        try:
            yield kind(rows)
        except (ImportError, OSError) as e:
            print(f"{kind.__name__}: left out, {e}", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    file = sys.argv[1]
    logits = np.load(file).astype(np.float32, copy=False)
    logits = logits.reshape(-1, logits.shape[-1])
    count = len(logits)
    others = list(peers(logits))
    print(f"| | tokpick | {' | '.join(peer.name for peer in others)} |")
    print("| --- " * (len(others) + 2) + "|")
    ids = ",".join(str(at) for at in range(count))
    lines = [("greedy", "greedy", {}, ["greedy", file, "--threads", "1"])]
    for name, chain in CHAINS.items():
        flags = [word for key, value in chain.items() for word in (f"--{key.replace('_', '-')}", str(value))]
        lines.append((name, "sample", chain, ["sample", file, "--seed", "7", "--threads", "1", *flags]))
    lines.append(("log-probability of a token", "score", {}, ["score", file, "--ids", ids]))
    lines.append(("KL of two rows", "divergence", {}, ["diff", file, file]))
    for name, method, chain, words in lines:
        ours = process(words, count)
        cells = [f"{ours:.0f}"]
        for peer in others:
            run = getattr(peer, method)
            if run is None:
                cells.append("–")
                continue
            took = micros(partial(run, **chain), count)
            cells.append(f"{took:.0f}, {took / ours:.1f} ×")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
