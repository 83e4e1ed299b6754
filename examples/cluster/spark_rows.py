"""Decodes a Parquet file of logits with Spark."""

import argparse
import os
import sys
import time

from parquet_rows import SETTINGS
from pyspark.sql import SparkSession
from tokpick.batch import batch

#: Spark's own words for the columns of what comes back.
SCHEMA = "id string, sample int, ids array<bigint>, logprobs array<double>, logprob double, finish_reason string"


def decode(batches):
    """What each task does with its partition."""
    for rows in batches:
        yield batch(rows, **SETTINGS)


def dying(mark):
    """The same, in a worker that dies halfway through its first batch: Spark starts another."""

    def decode(batches):
        for rows in batches:
            half = rows.num_rows // 2
            yield batch(rows.slice(0, half), **SETTINGS)
            if not os.path.exists(mark):
                open(mark, "w").close()
                os._exit(1)
            yield batch(rows.slice(half), **SETTINGS)

    return decode


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("ids", help="a folder for each number of parts: IDS-8")
    parser.add_argument("--parts", type=int, nargs="+", default=[8], help="may be several numbers, to compare")
    parser.add_argument("--workers", type=int, default=2, help="how many work at once")
    parser.add_argument("--die-once", metavar="FILE", help="kill a worker halfway, once for each number of parts: FILE-8 remembers it")
    args = parser.parse_args()
    # the workers are of this Python, which has tokpick
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # local[N,4]: a task may fail three times
    spark = (
        SparkSession.builder.master(f"local[{args.workers},4]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "64")
        .config("spark.sql.parquet.enableVectorizedReader", "false")
        .getOrCreate()
    )
    for parts in args.parts:
        began = time.monotonic()
        rows = spark.read.parquet(args.file).repartition(parts)
        work = dying(f"{args.die_once}-{parts}") if args.die_once else decode
        rows.mapInArrow(work, SCHEMA).write.mode("overwrite").parquet(f"{args.ids}-{parts}")
        print(f"{parts} parts: {time.monotonic() - began:.1f} s", flush=True)
    spark.stop()
