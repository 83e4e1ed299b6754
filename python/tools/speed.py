"""CPU time of `tokpick.sample` beside the library's on the same array, in turns, in one thread: a table for docs/speed.md.

Needs the module with the library in it: `maturin build --release --features bench`.
"""

import argparse
import time

import numpy as np
import tokpick
from tokpick import _tokpick

CHAINS = {
    "temperature 0.8, top-p 0.9": {"temperature": 0.8, "top_p": 0.9},
    "temperature 0.8": {"temperature": 0.8},
    "top-k 40": {"top_k": 40},
}


def took(run, calls):
    """CPU time of this thread in ms, the least of some calls."""
    least = float("inf")
    for _ in range(calls):
        began = time.thread_time_ns()
        run()
        least = min(least, time.thread_time_ns() - began)
    return least / 1e6


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--vocab", type=int, default=128_256)
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--calls", type=int, default=25, help="of each, in a turn")
    args = parser.parse_args()
    logits = np.random.default_rng(1).normal(0, 3, (args.rows, args.vocab)).astype(np.float32)
    print("| | library | `tokpick.sample` | ratio |\n| --- | --- | --- | --- |")
    for name, settings in CHAINS.items():
        chain = ",".join(f"{key.replace('_', '-')}={value}" for key, value in settings.items())
        runs = [
            lambda chain=chain: _tokpick.library(logits, chain, 7),
            lambda settings=settings: tokpick.sample(logits, seed=7, threads=1, **settings),
        ]
        assert runs[0]() == runs[1]().tolist()
        times = [[took(run, args.calls) for run in runs] for _ in range(args.turns)]
        library, sample = (min(turn[at] for turn in times) for at in range(2))
        print(f"| {name} | {library:.2f} ms | {sample:.2f} ms | {sample / library:.2f} |", flush=True)
