"""Decodes a Parquet file of logits with Ray Data."""

import argparse
import os
import time

import pyarrow as pa
import ray
from parquet_rows import SETTINGS
from tokpick.batch import batch


def decode(rows: pa.Table) -> pa.Table:
    """What each task does with its rows."""
    return batch(rows, **SETTINGS)


class DiesOnce:
    """The same, in a worker that dies halfway through its first task: Ray starts another."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __call__(self, rows: pa.Table) -> pa.Table:
        half = batch(rows.slice(0, len(rows) // 2), **SETTINGS)
        if not os.path.exists(self.mark):
            open(self.mark, "w").close()
            os._exit(1)
        return pa.concat_tables([half, batch(rows.slice(len(rows) // 2), **SETTINGS)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("ids", help="a folder for each number of parts: IDS-8")
    parser.add_argument("--parts", type=int, nargs="+", default=[8], help="may be several numbers, to compare")
    parser.add_argument("--workers", type=int, default=2, help="how many work at once")
    parser.add_argument("--die-once", metavar="FILE", help="kill a worker halfway, once for each number of parts: FILE-8 remembers it")
    args = parser.parse_args()
    ray.init(num_cpus=args.workers, include_dashboard=False, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    for parts in args.parts:
        began = time.monotonic()
        rows = ray.data.read_parquet(args.file).repartition(parts)
        killer = DiesOnce(f"{args.die_once}-{parts}") if args.die_once else None
        work = (lambda table, killer=killer: killer(table)) if killer else decode
        rows.map_batches(work, batch_format="pyarrow", batch_size=None).write_parquet(f"{args.ids}-{parts}")
        print(f"{parts} parts: {time.monotonic() - began:.1f} s", flush=True)
