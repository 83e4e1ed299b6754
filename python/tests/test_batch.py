"""Tables: the same ids whatever the parts, the order and the program that the table comes from."""

import random

import numpy as np
import pyarrow as pa
import pytest
import tokpick
from tokpick.batch import batch, schema, sequence_of

RNG = np.random.default_rng(8)
LOGITS = RNG.normal(0, 3, (40, 60)).astype(np.float32)
SETTINGS = {"temperature": 0.9, "top_p": 0.9, "seed": 7}


def table(logits=LOGITS, ids=None, **columns):
    ids = list(range(len(logits))) if ids is None else ids
    lists = pa.FixedSizeListArray.from_arrays(pa.array(logits.reshape(-1)), logits.shape[1])
    return pa.table({"id": ids, "logits": lists, **columns})


def test_ids_are_those_of_one_run():
    found = batch(table(), **SETTINGS)
    run = tokpick.sample(LOGITS, layout="bv", details=True, **SETTINGS)
    assert found["ids"].to_pylist() == [[id] for id in run.ids]
    assert found["logprob"].to_pylist() == [one.logprob for one in run]
    assert found.schema == schema(table())
    greedy = batch(table(), strategy="greedy")
    assert greedy["ids"].to_pylist() == [[id] for id in LOGITS.argmax(-1)]


@pytest.mark.parametrize("parts", [1, 2, 7, 40])
def test_parts_order_and_retries_change_nothing(parts):
    ids = [f"row {i}" for i in range(40)]
    whole = {one["id"]: one for one in batch(table(ids=ids), **SETTINGS).to_pylist()}
    order = random.Random(parts).sample(range(40), 40)
    shuffled = table(ids=ids).take(order)
    pieces = [shuffled.slice(at * 40 // parts, (at + 1) * 40 // parts - at * 40 // parts) for at in range(parts)]
    for piece in [*pieces, pieces[0]]:
        found = batch(piece, **SETTINGS).to_pylist()
        assert [one["id"] for one in found] == piece["id"].to_pylist()
        assert all(whole[one["id"]] == one for one in found)


def test_more_rows_than_one_look_at_the_settings_serves():
    logits = RNG.normal(0, 3, (700, 11)).astype(np.float32)
    found = batch(table(logits), **SETTINGS)
    assert found.equals(batch(table(logits), threads=2, **SETTINGS))
    assert np.array_equal(np.ravel(found["ids"].to_pylist()), tokpick.sample(logits, layout="bv", **SETTINGS))


def test_rows_have_seeds_prompts_and_steps_of_their_own():
    ids = [5, 5, 9]
    rows = table(
        LOGITS[:3], ids, seed=pa.array([1, 2, 2**64 - 1], pa.uint64()), prompt=[[3], [3, 4], []], prefix=[[], [8], [8, 9]]
    )
    found = batch(rows, repetition_penalty=1.5)
    assert found["id"].to_pylist() == ids
    for at, (seed, prompt, prefix) in enumerate([(1, [3], []), (2, [3, 4], [8]), (2**64 - 1, [], [8, 9])]):
        # the same row at the same address: in front of it stand as many steps as were generated
        padded = np.repeat(LOGITS[at : at + 1], len(prefix) + 1, 0)
        alone = tokpick.sample(
            padded, rows=f"{len(prefix)}..", sequence_offset=ids[at], seed=seed,
            prompt=prompt, prefix=prefix, repetition_penalty=1.5,
        )  # fmt: skip
        assert found["ids"].to_pylist()[at] == alone.tolist()


def test_sequences_of_several_steps():
    logits = RNG.normal(0, 3, (4, 5, 30))
    nested = pa.array(logits.tolist(), pa.list_(pa.list_(pa.float64(), 30), 5))
    found = batch(pa.table({"id": range(4), "logits": nested}), seed=3)
    assert found["ids"].to_pylist() == tokpick.sample(logits, seed=3).tolist()


def test_columns_of_tensors():
    logits = RNG.normal(0, 3, (4, 5, 30)).astype(np.float32)
    steps = pa.FixedShapeTensorArray.from_numpy_ndarray(logits)
    assert batch(pa.table({"id": range(4), "logits": steps}), seed=3)["ids"].to_pylist() == tokpick.sample(logits, seed=3).tolist()
    rows = pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(logits[:, 0]))
    assert np.ravel(batch(pa.table({"id": range(4), "logits": rows}), seed=3)["ids"].to_pylist()).tolist() == (
        tokpick.sample(logits[:, 0], layout="bv", seed=3).tolist()
    )


def test_sparse_rows_are_those_of_the_program(tmp_path):
    ids = [np.sort(RNG.choice(50, 6, replace=False)).tolist() for _ in range(9)]
    values = np.log(RNG.dirichlet(np.ones(6), 9)).astype(np.float32)
    lines = [f'{{"ids":{i},"logprobs":{v.tolist()}}}\n' for i, v in zip(ids, values)]
    (tmp_path / "rows.jsonl").write_text("".join(lines))
    expected = tokpick.sample(tmp_path / "rows.jsonl", vocab_size=50, **SETTINGS)
    columns = {"ids": [i[::-1] for i in ids], "logprobs": values[:, ::-1].tolist()}
    backwards = pa.table({"id": [0] * 9, "step": range(9), **columns})
    found = batch(backwards, vocab_size=50, **SETTINGS)
    assert np.ravel(found["ids"].to_pylist()).tolist() == np.ravel(expected).tolist()


def test_samples_are_rows():
    found = batch(table(), num_samples=3, **SETTINGS)
    assert found["id"].to_pylist()[:4] == [0, 0, 0, 1] and found["sample"].to_pylist()[:4] == [0, 1, 2, 0]
    assert found["ids"].to_pylist()[::3] == batch(table(), **SETTINGS)["ids"].to_pylist()


def test_record_batches_stay_record_batches():
    record = table().to_batches()[0]
    assert isinstance(batch(record, **SETTINGS), pa.RecordBatch)
    assert batch(table().slice(0, 0), **SETTINGS).num_rows == 0


def test_frames_of_polars():
    pl = pytest.importorskip("polars")
    expected = batch(table(), **SETTINGS)["ids"].to_pylist()
    frame = pl.DataFrame({"id": range(40), "logits": LOGITS})
    assert batch(frame, **SETTINGS)["ids"].to_pylist() == expected
    assert pl.DataFrame(batch(frame, **SETTINGS))["ids"].to_list() == expected
    named = frame.with_columns(pl.col("id").cast(pl.String))
    assert batch(named, **SETTINGS)["id"].to_pylist() == [str(id) for id in range(40)]


def test_results_of_duckdb():
    duckdb = pytest.importorskip("duckdb")
    rows = table()
    result = duckdb.sql("select id, logits from rows order by id")
    assert batch(result, **SETTINGS)["ids"].to_pylist() == batch(rows, **SETTINGS)["ids"].to_pylist()


def test_frames_of_daft():
    daft = pytest.importorskip("daft")
    frame = daft.from_arrow(table())
    assert batch(frame, **SETTINGS)["ids"].to_pylist() == batch(table(), **SETTINGS)["ids"].to_pylist()


def test_logits_are_not_copied():
    lists = pa.FixedSizeListArray.from_arrays(pa.array(LOGITS.reshape(-1)), 60)
    from tokpick.batch import _logits

    assert np.shares_memory(_logits({"logits": lists})[0], lists.values.to_numpy())


def test_ids_of_draws_are_fixed():
    assert [sequence_of(id) for id in (0, 12, "12", "ä", -1)] == [0, 12, *map(sequence_of, ["12", "ä", -1])]
    assert sequence_of("row 7") == 1203709491431116 and sequence_of(2**53) < 2**53


def test_what_is_wrong_is_told_with_its_row():
    bad = LOGITS[:3].copy()
    bad[2, 5] = np.nan
    for rows, settings, said in [
        (table(bad, ["a", "b", "c"]), SETTINGS, "row 'c': logits: .*token 5: the logit is NaN"),
        (table(), {}, "--seed .none.: needs --seed"),
        (table(), {"seed": 1, "engine": "torch"}, "torch: draws the rows of a batch from one generator"),
        (table().drop_columns("id"), SETTINGS, "no column id; its columns are logits"),
        (table().drop_columns("logits"), SETTINGS, "neither a column logits nor"),
        (pa.table({"id": [1, 2], "logits": [[1.0], [1.0, 2.0]]}), SETTINGS, "lists of 1 and .row 1. of 2"),
        (pa.table({"id": [1], "ids": [[3, 3]], "logprobs": [[-1.0, -2.0]]}), SETTINGS, "row 1: .*names token 3 twice"),
        (pa.table({"id": [1], "ids": [[3, -1]], "logprobs": [[-1.0, -2.0]]}), SETTINGS, "ids holds numbers that are no token ids"),
        (pa.table({"id": [1, 2], "ids": [[3], None], "logprobs": [[-1.0], [-1.0]]}), SETTINGS, "row 2 has no ids"),
        (pa.table({"id": [1, 2], "ids": [[3], [3]], "logprobs": [[-1.0], None]}), SETTINGS, "row 2 has no logprobs"),
        (pa.table({"id": [1, 2], "ids": [[3], [3, 4]], "logprobs": [[-1.0], [-1.0]]}), SETTINGS, "row 2: ids and logprobs are of different"),
        (pa.table({"id": [1], "ids": [[3, None]], "logprobs": [[-1.0, -2.0]]}), SETTINGS, "hold nulls inside their lists"),
        (table(prefix=[[1, 2]] * 40, step=[1] * 40), SETTINGS, "row 0: step 1 comes after a prefix of 2 ids"),
        (table(step=[2**53] * 40), SETTINGS, "row 0: step 9007199254740992: is too large"),
        (table(step=pa.array([2**64 - 1] * 40, pa.uint64())), SETTINGS, "row 0: .*is too large"),
        (table(step=[1.0] * 40), SETTINGS, "the column step holds double: whole numbers"),
        (table(seed=[1.5] * 40), SETTINGS, "the column seed holds double: whole numbers"),
        (table(prompt=["text"] * 40), SETTINGS, "the column prompt holds string: lists of ids"),
        (table(prompt=[[-1]] * 40), SETTINGS, "row 0: the column prompt holds .-1., which are no token ids"),
        (table(ids=[1] * 40).append_column("ids", [[[1]] * 40]).append_column("logprobs", [[[0.0]] * 40]), SETTINGS, "drop what is not"),
        (pa.table({"id": [1], "logits": [["a"]]}), SETTINGS, "holds list<.*string>: lists of numbers"),
        (pa.table({"id": [1], "logits": [[]]}).cast(pa.schema([("id", pa.int64()), ("logits", pa.list_(pa.float32()))])), SETTINGS, "V = 0"),
        (pa.table({"id": [1], "logits": [[[1.0], None]]}), SETTINGS, "rows without logits"),
        (table(), {"seed": 1, "top_p": 7}, "--top-p 7: must be from 0 to 1"),
    ]:
        with pytest.raises(ValueError, match=said):
            batch(rows, **settings)
    for settings, said in [
        ({"sequence_offset": 3}, "sequence_offset is no setting of a table: the column id says it"),
        ({"shard": "1/2"}, "shard is no setting"),
        ({"rows": "0..1"}, "rows is no setting"),
        ({"prefix": [1]}, "prefix is no setting of a table: a column prefix says it"),
        ({"prompt": [1]}, "prompt= is given, and the table has a column prompt"),
    ]:
        with pytest.raises(TypeError, match=said):
            batch(table(prompt=[[1]] * 40), **SETTINGS, **settings)
    with pytest.raises(ValueError, match="strategy 'beam': must be sample or greedy"):
        batch(table(), strategy="beam")
    with pytest.raises(TypeError, match="list is no Arrow table"):
        batch([1, 2], **SETTINGS)
