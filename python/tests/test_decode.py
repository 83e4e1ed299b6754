"""Arrays of every kind, in place; the shape of what comes back; errors and remarks."""

import os
import signal
import threading
import time
from pathlib import Path

import ml_dtypes
import numpy as np
import pyarrow as pa
import pytest
import tokpick
import tokpick.batch
from tokpick import _tokpick

ROOT = Path(__file__).parent.parent.parent
RNG = np.random.default_rng(5)
LOGITS = RNG.normal(0, 3, (3, 4, 50)).astype(np.float32)


class Dlpack:
    """An array that has nothing but DLPack, as tensors of other libraries do."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self):
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64, ">f4", np.int32, np.uint8])
def test_every_type_gives_the_ids_of_its_numbers(dtype):
    logits = np.abs(LOGITS).astype(dtype)
    same = logits.astype(np.float32)
    assert np.array_equal(tokpick.sample(logits, seed=3), tokpick.sample(same, seed=3))


@pytest.mark.parametrize(
    "view",
    [
        LOGITS[::-1, ::2, 5:],
        LOGITS[..., ::3],
        LOGITS.transpose(1, 0, 2),
        np.asfortranarray(LOGITS),
        np.broadcast_to(LOGITS[:1], (5, 4, 50)),
        LOGITS[1],
        LOGITS[1, 2, ::-2],
    ],
)
def test_strides_are_followed_where_they_lead(view):
    assert _tokpick.look(view)[2]
    assert np.array_equal(tokpick.sample(view, seed=3), tokpick.sample(view.copy(), seed=3))


def test_other_libraries_come_through_dlpack():
    for array in [LOGITS, LOGITS.transpose(1, 0, 2), LOGITS.astype(np.float16), LOGITS[0, 0]]:
        assert _tokpick.look(Dlpack(array))[2]
        assert np.array_equal(tokpick.sample(Dlpack(array), seed=3), tokpick.sample(array, seed=3))


def test_nothing_is_copied():
    # 4 TB, of which two steps are looked at
    endless = np.broadcast_to(LOGITS[0, 0], (20_000_000_000, 50))
    assert tokpick.sample(endless, seed=1, max_new_tokens=2, threads=1).shape == (2,)


def test_a_tuple_of_steps_is_read_where_they_lie():
    steps = tuple(LOGITS.transpose(1, 0, 2))
    assert _tokpick.look(steps)[2]
    found = tokpick.sample(steps, layout="tbv", seed=3)
    assert np.array_equal(found, tokpick.sample(LOGITS, seed=3).T)
    with pytest.raises(ValueError, match="one shape and type: the first is .50. <f4, number 1 is .49. <f4"):
        tokpick.greedy([LOGITS[0, 0], LOGITS[0, 0, 1:]])


def test_ids_have_the_shape_of_the_logits():
    for logits, shape in [(LOGITS, (3, 4)), (LOGITS[0], (4,)), (LOGITS[0, 0], ())]:
        assert np.shape(tokpick.sample(logits, seed=1)) == shape
        assert np.shape(tokpick.sample(logits, seed=1, num_samples=5)) == (5, *shape)
        assert np.array_equal(tokpick.greedy(logits), logits.argmax(-1))
        assert tokpick.probs(logits).shape == logits.shape
    assert tokpick.greedy(LOGITS[0], layout="bv").tolist() == LOGITS[0].argmax(-1).tolist()
    assert tokpick.probs(LOGITS, layout="tbv").shape == LOGITS.shape
    assert np.array_equal(tokpick.greedy(LOGITS.tolist()), LOGITS.argmax(-1))


def test_a_sequence_that_ends_early_is_filled_up():
    best = LOGITS.argmax(-1)
    ends = int(best[1, 1])
    run = tokpick.greedy(LOGITS, eos_token_id=ends, details=True)
    assert run[1].finish_reason == "eos" and len(run[1]) == 2
    assert run.ids[1].tolist() == [best[1, 0], ends, -1, -1]
    assert np.array_equal(np.asarray(run), run.ids)


def test_probabilities_are_those_of_float64():
    exact = np.exp(LOGITS.astype(np.float64))
    exact /= exact.sum(-1, keepdims=True)
    assert np.allclose(tokpick.probs(LOGITS), exact, rtol=1e-6, atol=0)


def test_log_probabilities_come_with_details():
    run = tokpick.sample(LOGITS, top_k=5, seed=3, details=True)
    rows = np.log(tokpick.probs(LOGITS))
    taken = np.take_along_axis(rows, run.ids[..., None], -1)[..., 0]
    assert np.allclose([one.logprobs for one in run], taken, rtol=1e-9)
    assert np.isclose(run[0].logprob, taken[0].sum())


def test_a_model_is_asked_for_several_prefixes_at_once():
    table = RNG.normal(0, 2, (20, 20))
    asked = []

    def model(prefixes):
        asked.append(len(prefixes))
        return table[[prefix[-1] for prefix in prefixes]]

    found = tokpick.beam(model, prompt=[3], num_beams=4, num_return_sequences=2, max_new_tokens=6)
    assert found.shape == (2, 6) and max(asked) == 4
    same = tokpick.beam(table, source="bigram", prompt=[3], num_beams=4, num_return_sequences=2, max_new_tokens=6)
    assert np.array_equal(found, same)
    assert tokpick.sample(model, prompt=[3], seed=1).shape == (20,)


def test_an_exception_of_a_model_comes_through():
    def broken(prefixes):
        raise KeyError("no such prefix")

    with pytest.raises(KeyError, match="no such prefix"):
        tokpick.greedy(broken, prompt=[1])
    with pytest.raises(tokpick.Error, match=r"logits: sequence 0, step 0: gave an array of the shape \[2, 3\] for 1 prefixes"):
        tokpick.greedy(lambda prefixes: np.zeros((2, 3)), prompt=[1])


def test_a_companion_may_be_an_array():
    other = RNG.normal(0, 3, LOGITS.shape)
    found = tokpick.sample(LOGITS, uncond=other, guidance_scale=1.5, seed=2)
    def normal(x):
        return x - np.log(np.exp(x.astype(np.float64)).sum(-1, keepdims=True))
    mixed = 1.5 * (normal(LOGITS) - normal(other)) + normal(other)
    assert np.array_equal(found, tokpick.sample(mixed, seed=2))


def test_what_may_follow_a_prefix_is_a_file_or_what_is_in_one(tmp_path):
    lines = [{"prefix": [], "allowed": [7, 9]}, {"prefix": [9], "allowed": np.array([3])}, {"prefix": (7,), "allowed": [4]}]
    (tmp_path / "allowed.jsonl").write_text('{"prefix":[],"allowed":[7,9]}\n{"prefix":[9],"allowed":[3]}\n{"prefix":[7],"allowed":[4]}\n')
    first = 7 if LOGITS[0, 0, 7] > LOGITS[0, 0, 9] else 9
    for given in [lines, {(): [7, 9], (9,): [3], (7,): [4]}, tmp_path / "allowed.jsonl"]:
        found = tokpick.greedy(LOGITS[0], prefix_constraint=given, max_new_tokens=2)
        assert found.tolist() == [first, {7: 4, 9: 3}[first]]
    with pytest.raises(tokpick.Error, match="each line is"):
        tokpick.greedy(LOGITS[0], prefix_constraint=[[1, 2]])


def test_errors_are_those_of_the_program():
    for logits, settings, said in [
        (LOGITS, {"top_p": 2}, "--top-p 2: must be from 0 to 1"),
        (LOGITS, {"top_pp": 2}, "unexpected argument '--top-pp' found"),
        (LOGITS, {"engine": "vlm"}, "engine vlm: there is no such engine"),
        (np.zeros((2, 0)), {}, "logits: V = 0"),
        (np.zeros((2, 3), dtype=complex), {}, "logits: holds complex numbers, dtype '<c16'"),
        ([[0.0, np.nan]], {}, "logits: sequence 0, step 0, token 1: the logit is NaN"),
        ("no-such-file.npy", {}, "no-such-file.npy: No such file"),
    ]:
        with pytest.raises(tokpick.Error) as raised:
            tokpick.sample(logits, seed=1, **settings)
        assert said in str(raised.value), str(raised.value)
    with pytest.raises(TypeError, match="record_table is a flag of the program"):
        tokpick.sample(LOGITS, record_table="x")
    with pytest.raises(ValueError):
        tokpick.sample([[1.0], [1.0, 2.0]])


def test_remarks_are_warnings():
    with pytest.warns(tokpick.Note, match="no effect in greedy search: top_k"):
        tokpick.greedy(LOGITS, top_k=3)
    with pytest.warns(tokpick.Note, match="probabilities, which are read as logits here; --probs reads them"):
        tokpick.greedy([[0.25, 0.75]])


def test_other_threads_go_on_meanwhile():
    logits = RNG.normal(0, 3, (40, 50_000)).astype(np.float32)
    work = threading.Thread(target=lambda: tokpick.sample(logits, typical_p=0.9, seed=1, num_samples=60, threads=1))
    work.start()
    turns = 0
    while work.is_alive():
        turns += 1
        time.sleep(0.0005)
    assert turns > 5  # two or three where the interpreter is not let go


def test_what_hides_numbers_is_refused():
    masked = np.ma.masked_array(LOGITS, LOGITS > 2)
    with pytest.raises(ValueError, match="masked array: say what its masked elements are"):
        tokpick.greedy(masked)
    assert np.array_equal(tokpick.greedy(masked.filled(-np.inf)), masked.argmax(-1))
    assert np.array_equal(tokpick.greedy(np.ma.masked_array(LOGITS)), LOGITS.argmax(-1))
    pair = np.zeros((3, 4), dtype=[("a", "i1"), ("b", "i1")])
    with pytest.raises(ValueError, match=r"structured elements: take the field that holds them, of \('a', 'b'\)"):
        tokpick.greedy(pair)
    assert tokpick.greedy(np.array([(1.0, 2), (3.0, 4)], dtype=[("x", "f4"), ("n", "i4")])["x"]) == 1


def test_arrays_that_are_no_logits():
    for logits, said in [
        (np.zeros((2, 2, 2, 2)), "4 axes"),
        (np.float32(3), "a single number"),
        (np.zeros((0, 5)), "zero rows"),
        ((np.zeros((0, 5)), np.zeros((0, 5))), "zero rows"),
        (np.zeros((2, 0, 5)), "zero rows"),
        (np.zeros((2, 3), dtype=bool), "holds booleans"),
        (np.zeros((2, 3), dtype="M8[s]"), "holds times"),
        (np.zeros((2, 3), dtype="U3"), "holds strings"),
        (np.zeros((2, 3), dtype=np.longdouble), "floats of another width"),
        (np.array([[None, 1.0]]), "Python objects"),
        (np.zeros((2, 3), dtype=ml_dtypes.float8_e4m3fn), "raw bytes"),
        (None, "Python objects"),
        ("", "."),
        ({}, "Python objects"),
        ([], "V = 0"),
        (object(), "Python objects"),
    ]:
        with pytest.raises((tokpick.Error, TypeError, ValueError), match=said):
            tokpick.greedy(logits)

    class Forged:
        def __init__(self, **more):
            self.__array_interface__ = {"typestr": "<f4", "version": 3, "data": (LOGITS.ctypes.data, False), **more}

    for more, said in [
        ({"shape": (2, 3), "strides": (4,)}, "2 axes and 1 strides"),
        ({"shape": (2**62, 2**62, 50)}, "too large to be logits"),
        ({"shape": (2, -3)}, "negative"),
        ({}, "lacks shape"),
    ]:
        with pytest.raises((ValueError, OverflowError), match=said):
            tokpick.greedy(Forged(**more))


def test_tensors_elsewhere_say_what_to_do():
    class Elsewhere:
        """As a tensor of a GPU is."""

        def __dlpack_device__(self):
            return (2, 0)

        def __dlpack__(self):
            raise AssertionError("not asked for")

    with pytest.raises(ValueError, match=r"another device: move them to the CPU first \(torch: .cpu\(\)\)"):
        tokpick.greedy(Elsewhere())


def test_settings_that_are_none():
    for settings in [{"seed": True}, {"seed": 2**64}, {"seed": -1}, {"seed": float("nan")}, {"top_k": 2.5}, {"top_p": float("nan")}]:
        with pytest.raises(tokpick.Error):
            tokpick.sample(LOGITS, **{"seed": 1, **settings})
    assert np.array_equal(tokpick.sample(LOGITS, seed=np.uint64(2**64 - 1)), tokpick.sample(LOGITS, seed=2**64 - 1))
    with pytest.raises(TypeError, match="given twice"):
        tokpick.sample(LOGITS, "top-k=3", chain="top-k=4", seed=1)
    with pytest.raises(TypeError, match="exact is True or False"):
        tokpick.search(LOGITS, exact="yes")
    with pytest.raises(tokpick.Error, match="--exact"):
        tokpick.search(LOGITS, exact=False)
    assert np.array_equal(tokpick.search(LOGITS[0], exact=True), LOGITS[0].argmax(-1))


def test_a_prompt_may_be_a_text():
    tokenizer = ROOT / "fixtures/tiny-lm/tokenizer.json"
    row = np.load(ROOT / "fixtures/tiny-lm/steps.npy")[0]
    asked = []

    def model(prefixes):
        asked.append(list(prefixes[0]))
        return [row] * len(prefixes)

    class Fast:
        """As fast tokenizers of transformers are."""

        class backend_tokenizer:
            @staticmethod
            def to_str():
                return tokenizer.read_text(encoding="utf-8")

    for given in [{"tokenizer": tokenizer}, {"tokenizer": Fast()}, {"vocab": Fast.backend_tokenizer}]:
        asked.clear()
        run = tokpick.greedy(model, prompt="the cat", max_new_tokens=2, details=True, **given)
        # t, h, e, Ġc, at
        prompt = [84, 72, 69, 263, 264]
        assert asked == [prompt, [*prompt, int(run.ids[0])]] and run[0].text
    with pytest.raises(tokpick.Error, match="is a text, and a text needs a tokenizer"):
        tokpick.greedy(model, prompt="the cat", max_new_tokens=2)


def test_texts_and_names_come_with_details(tmp_path):
    strings = [f"t{i} " for i in range(50)]
    run = tokpick.greedy(LOGITS[0], vocab=strings, details=True)
    assert run[0].text == "".join(strings[id] for id in run.ids) and run[0].stop_reason is None
    stop = strings[run.ids[2]]
    run = tokpick.greedy(LOGITS[0], vocab=strings, stop=stop, details=True)
    assert run[0].finish_reason == "stop" and run[0].stop_reason == stop and stop not in run[0].text
    assert tokpick.greedy(LOGITS[0], details=True)[0].text is None


def test_threads_change_nothing():
    logits = RNG.normal(0, 3, (30, 50_000)).astype(np.float32)
    expected = tokpick.sample(logits, top_p=0.9, seed=4, threads=1)
    assert np.array_equal(tokpick.sample(logits, top_p=0.9, seed=4), expected)
    found = {}
    def run(at):
        found[at] = tokpick.sample(logits, top_p=0.9, seed=4, threads=2)
    threads = [threading.Thread(target=run, args=(at,)) for at in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(found) == 6 and all(np.array_equal(ids, expected) for ids in found.values())


def test_without_a_seed_every_run_is_another():
    runs = [tokpick.sample(LOGITS, details=True) for _ in range(2)]
    assert runs[0].seed != runs[1].seed
    assert np.array_equal(tokpick.sample(LOGITS, seed=runs[0].seed), runs[0].ids)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_ends_a_run(threads):
    # a shell that starts the tests in the background has them ignore it
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        interrupt_runs(threads)
    finally:
        signal.signal(signal.SIGINT, before)


def interrupt_runs(threads):
    # days of work in a few bytes: every row is the same one
    endless = np.broadcast_to(RNG.normal(0, 3, 1000).astype(np.float32), (100, 100_000_000, 1000))
    table = pa.table({"id": range(2_000), "logits": pa.FixedSizeListArray.from_arrays(np.zeros(2_000 * 5_000, np.float32), 5_000)})
    started = time.monotonic()
    for run in (
        lambda: tokpick.sample(endless, top_p=0.9, seed=7, threads=threads),
        lambda: tokpick.greedy(endless, threads=threads),
        lambda: [tokpick.batch.batch(table, top_p=0.9, seed=7, threads=threads) for _ in range(10_000)],
    ):
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            run()
        timer.join()
    assert time.monotonic() - started < 60
    assert tokpick.greedy([[0.0, 2.0]], threads=threads).tolist() == [1]
