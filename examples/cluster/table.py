"""Writes a Parquet file of logits to try the examples on: columns id, prompt and logits (fixed-size lists of f32)."""

import argparse

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("file")
parser.add_argument("--rows", type=int, default=10_000)
parser.add_argument("--vocab", type=int, default=32_000)
parser.add_argument("--shuffle", type=int, help="write the rows in another order: a seed")
args = parser.parse_args()

kind = pa.list_(pa.float32(), args.vocab)
schema = pa.schema([("id", pa.string()), ("prompt", pa.list_(pa.int64())), ("logits", kind)])
order = np.arange(args.rows)
if args.shuffle is not None:
    np.random.default_rng(args.shuffle).shuffle(order)
# numbers of one byte each, so that the file stays small
with pq.ParquetWriter(args.file, schema, compression="zstd") as writer:
    for start in range(0, args.rows, 256):
        numbers = order[start : start + 256]
        rows = [np.random.default_rng(int(n)).integers(0, 160, args.vocab).astype(np.float32) / 16 for n in numbers]
        logits = pa.FixedSizeListArray.from_arrays(pa.array(np.concatenate(rows)), type=kind)
        ids = [f"row {n}" for n in numbers]
        writer.write_batch(pa.record_batch([ids, [[int(n) % 100] for n in numbers], logits], schema=schema))
