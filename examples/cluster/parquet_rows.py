"""Decodes a Parquet file of logits in one process: a row group at a time, so that memory is bounded."""

import argparse

import pyarrow.parquet as pq
from tokpick.batch import batch

SETTINGS = {"temperature": 0.8, "top_p": 0.9, "repetition_penalty": 1.1, "seed": 7}


def batches(file, reader):
    """The file's record batches, as pyarrow, Polars or DuckDB reads them."""
    if reader == "pyarrow":
        groups = pq.ParquetFile(file)
        for group in range(groups.num_row_groups):
            # over several groups at once the reader keeps what it has read of them
            yield from groups.iter_batches(batch_size=256, row_groups=[group])
    elif reader == "polars":
        import polars

        rows = pq.ParquetFile(file).metadata.num_rows
        for start in range(0, rows, 256):
            # a frame gives its columns through Arrow's PyCapsule interface
            yield polars.scan_parquet(file).slice(start, 256).collect()
    else:
        import duckdb

        yield from duckdb.sql(f"select * from '{file}'").to_arrow_reader(256)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("ids")
    parser.add_argument("--reader", choices=["pyarrow", "polars", "duckdb"], default="pyarrow")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    args = parser.parse_args()
    writer = None
    for rows in batches(args.file, args.reader):
        found = batch(rows, threads=args.threads, **SETTINGS)
        writer = writer or pq.ParquetWriter(args.ids, found.schema)
        writer.write(found)
    if writer:
        writer.close()
