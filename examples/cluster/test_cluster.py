"""Runs every example, and holds their outputs against each other. TOKPICK is the program; what is not installed is skipped."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

HERE = Path(__file__).parent
ROWS, VOCAB = int(os.environ.get("TOKPICK_ROWS", "600")), 500
RUN = ["sample", "rows.npy", "--layout", "bv", "--top-p", "0.9", "--seed", "7", "-f", "jsonl"]


def python(name, *arguments, cwd):
    words = [sys.executable, HERE / name, *map(str, arguments)]
    # Ray makes way for others with all its workers, and on a busy machine hardly moves
    environment = {**os.environ, "PYTHONPATH": str(HERE), "RAY_worker_niceness": "0"}
    done = subprocess.run(words, capture_output=True, text=True, cwd=cwd, env=environment)
    assert done.returncode == 0, f"{name} {arguments}\n{done.stderr[-4000:]}"


def found(path):
    """Rows by id, without the order that a partition has."""
    rows = pq.read_table(path).to_pylist()
    assert len(rows) == ROWS
    return {row["id"]: row for row in rows}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    python("table.py", "rows.parquet", "--rows", ROWS, "--vocab", VOCAB, cwd=folder)
    python("table.py", "shuffled.parquet", "--rows", ROWS, "--vocab", VOCAB, "--shuffle", 3, cwd=folder)
    python("parquet_rows.py", "rows.parquet", "one.parquet", cwd=folder)
    np.save(folder / "rows.npy", np.random.default_rng(1).normal(0, 3, (200, 300)).astype(np.float32))
    return folder


@pytest.fixture(scope="session")
def one(folder):
    """What one process gives."""
    return found(folder / "one.parquet")


@pytest.fixture(scope="session")
def program():
    program = os.environ.get("TOKPICK") or shutil.which("tokpick")
    return program or pytest.skip("there is no tokpick here")


@pytest.fixture(scope="session")
def whole(folder, program):
    return subprocess.run([program, *RUN], capture_output=True, check=True, cwd=folder).stdout


@pytest.mark.parametrize("reader", ["pyarrow", "polars", "duckdb"])
def test_one_process(folder, one, reader):
    if importlib.util.find_spec(reader) is None:
        pytest.skip(f"{reader} is not installed")
    python("parquet_rows.py", "shuffled.parquet", f"{reader}.parquet", "--reader", reader, cwd=folder)
    assert found(folder / f"{reader}.parquet") == one


@pytest.mark.parametrize("parts", [1, 2, 7, 64])
def test_parallel(folder, whole, program, parts):
    if shutil.which("parallel") is None:
        pytest.skip("GNU parallel is not installed")
    words = [HERE / "parallel.sh", str(parts), *RUN]
    environment = {**os.environ, "TOKPICK": program, "PARALLEL_HOME": str(folder)}
    done = subprocess.run(words, capture_output=True, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == whole


def test_slurm(folder, whole, program):
    """A dry run, and the tasks of the array one by one."""
    environment = {**os.environ, "TOKPICK": program}
    script = HERE / "slurm.sh"
    dry = subprocess.run([script, "--dry-run", "3", *RUN], capture_output=True, text=True, cwd=folder, env=environment)
    assert "sbatch --parsable --requeue --array=1-3" in dry.stdout, dry.stderr
    for task in (3, 2):
        task = {**environment, "SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_COUNT": "3"}
        subprocess.run([script, *RUN], check=True, cwd=folder, env=task)
    assert b"".join((folder / f"part-{i}-of-3").read_bytes() for i in (1, 2, 3)) == whole


@pytest.mark.parametrize("example", ["ray", "spark"])
def test_engines(folder, one, example):
    """In any number of parts, of a file whose rows are shuffled, where a task dies halfway and is tried again."""
    needs(example)
    parts = [1, 2, 7, 64]
    python(f"{example}_rows.py", "shuffled.parquet", example, "--die-once", folder / f"{example}-died", "--parts", *parts, cwd=folder)
    for number in parts:
        # a worker died each time
        assert (folder / f"{example}-died-{number}").exists()
        assert found(folder / f"{example}-{number}") == one, number


def needs(example):
    module = {"ray": "ray", "spark": "pyspark"}[example]
    if importlib.util.find_spec(module) is None or (example == "spark" and shutil.which("java") is None):
        pytest.skip(f"{example} is not installed")
