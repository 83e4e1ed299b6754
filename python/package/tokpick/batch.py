"""Tables of logits: Arrow record batches in, record batches out.

`batch` is a pure function. Draws are addressed by (seed, id, step): neither the partition that a row is in, nor the order, nor a retry
changes what comes out. So it is what `map_batches` of Ray Data and `mapInArrow` of Spark take, and what Polars, DuckDB and Daft
give it their tables for (through Arrow's PyCapsule interface, without a copy).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from . import _tokpick
from ._call import tell, words_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._chain import Chain
    from ._settings import Settings

__all__ = ["batch", "schema", "sequence_of"]

#: Columns that are read; all but ``id`` and the logits may be missing.
COLUMNS = ("id", "logits", "ids", "logprobs", "seed", "prompt", "prefix", "step")
#: What the table itself says, where it isn't the same for all.
OWN = {
    "layout": "the column logits",
    "sequence_offset": "the column id",
    "prefix": "a column prefix",
    "prefix_ids": "a column prefix",
    "rows": "which rows it has",
    "shard": "which rows it has",
}
#: Beyond this number JSON loses digits.
MOST = 1 << 53


def sequence_of(id: Any) -> int:
    """The number of the sequence that a row with this id is, for its draws: a whole number from 0 to 2^53 itself; of anything else
    (text, other numbers as text) the first 53 bits of the SHA-256 of its UTF-8.

    >>> from tokpick.batch import sequence_of
    >>> sequence_of(7), sequence_of("row 7")
    (7, 1203709491431116)
    """
    if isinstance(id, (int, np.integer)) and not isinstance(id, bool) and 0 <= id < MOST:
        return int(id)
    digest = hashlib.sha256(str(id).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 11


def schema(table: Any = None) -> pa.Schema:
    """The schema of what `batch` gives; ``id`` (and ``step``) have the types of the table's own, else int64."""
    given = None if table is None else _table(table).schema
    kind = given.field("id").type if given is not None and "id" in given.names else pa.int64()
    # views, as Polars has them, can't be taken from everywhere
    fields = [pa.field("id", pa.string() if kind == pa.string_view() else kind)]
    if given is not None and "step" in given.names:
        fields.append(given.field("step"))
    return pa.schema(
        [
            *fields,
            pa.field("sample", pa.int32()),
            pa.field("ids", pa.list_(pa.int64())),
            pa.field("logprobs", pa.list_(pa.float64())),
            pa.field("logprob", pa.float64()),
            pa.field("finish_reason", pa.string()),
        ]
    )


def batch(
    table: Any,
    chain: str | list[Any] | Chain | None = None,
    /,
    *,
    strategy: str = "sample",
    **settings: Unpack[Settings],
) -> Any:
    """Decodes each row of a table: a record batch or table of pyarrow, or anything that gives its columns through Arrow's
    PyCapsule interface (frames of Polars, results of DuckDB).

    ============ ===================================================================================================
    column       holds
    ============ ===================================================================================================
    ``id``       the row's own name: a whole number, or text (`sequence_of` says what its draws are addressed by)
    ``logits``   a row, ``[V]``, or the steps of a sequence, ``[T, V]``: lists of one length, f16, f32, f64 …
    ``ids``      instead of ``logits``: the ids of a sparse row, as servers give it …
    ``logprobs`` … and their log-probabilities
    ``seed``     its own seed; else ``seed=`` is that of all
    ``prompt``   the ids of its prompt
    ``prefix``   the ids that were generated before it
    ``step``     the number of its (first) step; default: the length of the prefix
    ============ ===================================================================================================

    Gives ``id``, ``step`` if there was one, ``sample``, ``ids``, ``logprobs``, ``logprob`` and ``finish_reason`` in the same order: a record
    batch for a record batch, else a table. ``strategy`` is ``sample`` or ``greedy``; settings are those of `tokpick.sample`, but
    that ``threads`` is 1 unless given, as others cut the job into parts.

    >>> import pyarrow as pa, tokpick.batch
    >>> rows = pa.table({"id": ["a", "b"], "logits": [[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]})
    >>> found = tokpick.batch.batch(rows, top_k=2, seed=7)
    >>> found["id"].to_pylist()
    ['a', 'b']
    >>> tokpick.batch.batch(rows.slice(1), top_k=2, seed=7).equals(found.slice(1))
    True
    """
    given = _table(table)
    threads = settings.pop("threads", None)
    if strategy not in ("sample", "greedy"):
        raise ValueError(f"strategy {strategy!r}: must be sample or greedy, as rows are decoded one by one")
    for name, column in OWN.items():
        if settings.get(name) is not None:
            raise TypeError(f"{name} is no setting of a table: {column} says it")
    prompts = [name for name in ("prompt", "prompt_ids") if settings.get(name) is not None]
    if prompts and "prompt" in given.schema.names:
        raise TypeError(f"{prompts[0]}= is given, and the table has a column prompt: leave one out")
    threads = 1 if threads is None else threads
    many = [_decode(part, chain, strategy, threads, dict(settings)) for part in given.to_batches()]
    if isinstance(table, pa.RecordBatch):
        return many[0] if many else pa.RecordBatch.from_pylist([], schema(given))
    return pa.Table.from_batches(many, schema(given))


def _table(table: Any) -> pa.Table:
    if isinstance(table, pa.Table):
        return table
    if isinstance(table, pa.RecordBatch):
        return pa.Table.from_batches([table])
    if hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__"):
        return pa.table(table)
    raise TypeError(f"{type(table).__name__} is no Arrow table, and gives none (__arrow_c_stream__)")


def _decode(
    part: pa.RecordBatch, chain: Any, strategy: str, threads: int, settings: dict[str, Any]
) -> pa.RecordBatch:
    columns = {name: part.column(name) for name in COLUMNS if name in part.schema.names}
    if "id" not in columns:
        raise ValueError(f"the table has no column id; its columns are {', '.join(part.schema.names)}")
    names = columns["id"].to_pylist()
    if not names:
        return pa.RecordBatch.from_pylist([], schema(part))
    if None in names:
        raise ValueError(f"row {names.index(None)} has no id")
    logits, layout = _logits(columns)
    seeds = columns["seed"].to_pylist() if "seed" in columns else [None] * len(names)
    prompts, prefixes = (_lists(columns, name, len(names)) for name in ("prompt", "prefix"))
    for name in ("seed", "step"):
        if name in columns and not pa.types.is_integer(columns[name].type) and not (name == "seed" and _is_text(columns[name].type)):
            raise ValueError(f"the column {name} holds {columns[name].type}: whole numbers")
    steps = columns["step"].to_pylist() if "step" in columns else [len(prefix) for prefix in prefixes]
    for name, step, prefix in zip(names, steps, prefixes, strict=True):
        if step is None or step < len(prefix):
            raise ValueError(f"row {name!r}: step {step} comes after a prefix of {len(prefix)} ids")
    rows = [
        (sequence_of(name), step, None if seed is None else str(seed), prompt, prefix)
        for name, step, seed, prompt, prefix in zip(names, steps, seeds, prompts, prefixes, strict=True)
    ]
    vocab = settings.get("vocab_size")
    words = words_of(strategy, [("logits", logits)], chain, {**settings, "layout": layout})
    try:
        found = _tokpick.table(words.words, logits, rows, vocab, True, threads)
    except _tokpick.Error as error:
        row = getattr(error, "row", None)
        if row is None:
            raise
        raise _tokpick.Error(f"row {names[row]!r}: {error}") from None
    tell(found["notes"])
    return _columns(part, found)


def _columns(part: pa.RecordBatch, found: dict[str, Any]) -> pa.RecordBatch:
    """Results as columns, a row for each sample."""
    counts = np.asarray(found["counts"])
    row = np.repeat(np.arange(len(counts)), counts)
    sample = np.concatenate([np.arange(count) for count in counts]) if len(counts) else counts
    offsets = pa.array(np.concatenate([[0], np.cumsum(found["lengths"])]).astype(np.int32))
    ids = pa.array(np.frombuffer(found["ids"], dtype=np.uint32).astype(np.int64))
    numbers = np.frombuffer(found["logprobs"], dtype=np.float64)
    logprob = np.frombuffer(found["logprob"], dtype=np.float64)
    kinds = schema(part)
    own = [(part.column(name), kinds.field(name).type) for name in ("id", "step") if name in part.schema.names]
    taken = [column.cast(kind).take(pa.array(row)) for column, kind in own]
    return pa.RecordBatch.from_arrays(
        [
            *taken,
            pa.array(sample.astype(np.int32)),
            pa.ListArray.from_arrays(offsets, ids),
            pa.ListArray.from_arrays(offsets, pa.array(numbers, mask=np.isnan(numbers))),
            pa.array(logprob, mask=np.isnan(logprob)),
            pa.array(found["finish_reason"], pa.string()),
        ],
        schema=kinds,
    )


def _logits(columns: dict[str, Any]) -> tuple[Any, str | None]:
    """The logits where they lie, and what their axes are."""
    if "logits" in columns:
        if "ids" in columns and "logprobs" in columns:
            raise ValueError("the table has a column logits, and the columns ids and logprobs: drop what is not to be read")
        values, axes = columns["logits"], [len(columns["logits"])]
        while _is_list(values.type):
            if values.null_count:
                raise ValueError("the column logits has rows without logits")
            values, lengths = _flat(values)
            axes.extend(lengths)
        kind = columns["logits"].type
        if not 2 <= len(axes) <= 3 or not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type)):
            raise ValueError(f"the column logits holds {kind}: lists of numbers, or lists of such lists")
        if values.null_count:
            raise ValueError("the column logits holds nulls")
        return values.to_numpy(zero_copy_only=True).reshape(axes), "bv" if len(axes) == 2 else "btv"
    if "ids" not in columns or "logprobs" not in columns:
        raise ValueError("the table has neither a column logits nor the columns ids and logprobs")
    ids, values = columns["ids"], columns["logprobs"]
    for name in ("ids", "logprobs"):
        if columns[name].null_count:
            row = columns[name].is_null().index(True).as_py()
            raise ValueError(f"row {columns['id'][row].as_py()!r} has no {name}")
    offsets = np.concatenate([[0], np.cumsum(pyarrow.compute.list_value_length(ids).to_numpy(zero_copy_only=False))])
    others = np.concatenate([[0], np.cumsum(pyarrow.compute.list_value_length(values).to_numpy(zero_copy_only=False))])
    if not np.array_equal(offsets, others):
        row = int(np.argmax(np.diff(offsets) != np.diff(others)))
        raise ValueError(f"row {columns['id'][row].as_py()!r}: ids and logprobs are of different lengths")
    flat = ids.flatten()
    if flat.null_count or values.flatten().null_count:
        raise ValueError("the columns ids and logprobs hold nulls inside their lists")
    flat_ids = flat.to_numpy(zero_copy_only=False)
    if len(flat_ids) and not (0 <= flat_ids.min() and flat_ids.max() < 2**32):
        raise ValueError("the column ids holds numbers that are no token ids: they are from 0 to 2^32 - 1")
    flat_ids = flat_ids.astype(np.uint32)
    flat_values = values.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    return (offsets.astype(np.uint64).tobytes(), flat_ids.tobytes(), flat_values.tobytes()), None


def _is_list(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    return pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view()


def _flat(lists: Any) -> tuple[Any, list[int]]:
    """The values of lists of one length, and that length; those of tensors, and their axes."""
    kind = lists.type
    if isinstance(kind, pa.FixedShapeTensorType):
        if kind.permutation is not None and list(kind.permutation) != sorted(kind.permutation):
            raise ValueError(f"the column logits holds {kind}: tensors whose axes lie in their order")
        return lists.storage.flatten(), list(kind.shape)
    if isinstance(lists, pa.ExtensionArray):
        lists = lists.storage
    if pa.types.is_fixed_size_list(lists.type):
        return lists.flatten(), [lists.type.list_size]
    lengths = pyarrow.compute.list_value_length(lists).to_numpy(zero_copy_only=False)
    at = np.flatnonzero(lengths != lengths[:1])
    if len(at):
        raise ValueError(f"the column logits holds lists of {lengths[0]} and (row {at[0]}) of {lengths[at[0]]} elements")
    return lists.flatten(), [int(lengths[0]) if len(lengths) else 0]


def _lists(columns: dict[str, Any], name: str, count: int) -> list[list[int]]:
    """Lists of ids, none for a null."""
    if name not in columns:
        return [[]] * count
    column = columns[name]
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    if not _is_list(storage.type) or not pa.types.is_integer(storage.type.value_type):
        raise ValueError(f"the column {name} holds {column.type}: lists of ids")
    lists = [ids or [] for ids in storage.to_pylist()]
    for row, ids in enumerate(lists):
        if not all(id is not None and 0 <= id < 2**32 for id in ids):
            raise ValueError(f"row {columns['id'][row].as_py()!r}: the column {name} holds {ids}, which are no token ids")
    return lists
