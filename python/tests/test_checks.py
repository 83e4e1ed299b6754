"""Records, reports, and the lists."""

import gc
import json
import os
import pickle
import subprocess
import sys
import weakref

import ml_dtypes
import numpy as np
import pytest
import tokpick
from tokpick.testing import assert_decodes
from tokpick.transformers import processor

RNG = np.random.default_rng(6)
LOGITS = RNG.normal(0, 3, (2, 3, 30)).astype(np.float32)


def program(*words, **options):
    return subprocess.run([sys.executable, "-m", "tokpick", *words], capture_output=True, text=True, **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16])
def test_a_record_is_verified_here_and_by_the_program(tmp_path, dtype):
    logits = LOGITS.astype(dtype)
    run = tokpick.sample(logits, temperature=0.7, top_p=0.9, seed=11, record=True)
    assert run.verify() and run.verify(logits.copy())
    assert run.record["sequences"][1]["ids"] == run.ids[1].tolist()
    run.save(tmp_path / "run.json")
    np.save(tmp_path / "logits.npy", logits)
    done = program("verify", "run.json", "--input", "logits.npy", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert tokpick.verify_file(tmp_path / "run.json", logits)
    other = logits.copy()
    other[0, 0, 0] += 1
    assert run.verify(other).divergence["what"] == "input"


def test_a_record_that_was_touched_does_not_hold(tmp_path):
    run = tokpick.beam(LOGITS, num_beams=3, record=True)
    record = run.record
    record["sequences"][0]["ids"][1] += 1
    (tmp_path / "run.json").write_text(json.dumps(record))
    found = tokpick.verify_file(tmp_path / "run.json", LOGITS)
    assert not found and (found.divergence["what"], found.divergence["at"]) == ("id", 1)
    with pytest.raises(ValueError, match="give record=True"):
        tokpick.beam(LOGITS, details=True).save(tmp_path / "run.json")


def test_a_run_over_a_path_is_verified(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("logits.npy", LOGITS)
    np.save("other.npy", LOGITS + np.float32(1))
    np.save("uncond.npy", LOGITS[::-1])
    for settings in [{}, {"uncond": LOGITS[::-1], "guidance_scale": 1.5}]:
        run = tokpick.sample("logits.npy", seed=3, record=True, **settings)
        assert run.verify() and run.verify(LOGITS) and run.verify(tmp_path / "logits.npy")
        assert run.verify(LOGITS + 1).divergence["what"] == run.verify("other.npy").divergence["what"] == "input"
    run = tokpick.sample("logits.npy", seed=3, record=True, uncond="uncond.npy", guidance_scale=1.5)
    run.save("run.json")
    monkeypatch.chdir("/")
    # the record's files are beside it
    assert tokpick.verify_file(tmp_path / "run.json") and tokpick.verify_file(tmp_path / "run.json", LOGITS)
    assert not tokpick.verify_file(tmp_path / "run.json", tmp_path / "other.npy")


def test_names_of_files_are_no_names_of_arguments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b", "-b", "logits"):
        with open(name, "wb") as file:
            np.save(file, LOGITS)
        assert tokpick.diff(name, LOGITS + np.float32(1), max_kl=1)["rows"] is not None
        assert np.array_equal(tokpick.greedy(name), LOGITS.argmax(-1))
    # a file whose name is that of an argument is the file
    with pytest.warns(tokpick.Note, match="above --max-kl 0.0001"):
        assert not tokpick.diff("b", -LOGITS, max_kl=1e-4)
    assert np.array_equal(
        tokpick.sample(LOGITS, uncond="logits", guidance_scale=1.5, seed=1),
        tokpick.sample(LOGITS, uncond=LOGITS, guidance_scale=1.5, seed=1),
    )


@pytest.mark.parametrize(
    "logits, layout", [(LOGITS, None), (LOGITS, "tbv"), (LOGITS[0], None), (LOGITS[0], "bv"), (LOGITS[0, 0], None)]
)
@pytest.mark.parametrize("samples", [None, 4])
def test_checks_take_ids_as_they_come(logits, layout, samples):
    settings = {"layout": layout, "seed": 5}
    run = tokpick.sample(logits, num_samples=samples, details=True, **settings)
    for ids in [run, run.ids, run.ids.tolist(), run.ids.astype(np.int16)]:
        report = tokpick.verify(logits, ids, **settings)
        assert report and report["verification"]["summary"]["steps"] == run.ids.size, ids
        if samples and logits.ndim + (layout == "bv") > 2:
            with pytest.raises(tokpick.Error, match="ids for [0-9]+ sequences, but the input has"):
                tokpick.score(logits, ids, layout=layout)
            continue
        scores = tokpick.score(logits, ids, layout=layout)
        assert np.allclose([s["logprob"] for s in scores["sequences"]], [one.logprob for one in run])


def test_nothing_of_a_list_of_ids_is_dropped():
    logits = LOGITS[0]
    best = logits.argmax(-1).tolist()
    assert [token["id"] for token in tokpick.score(logits, best)["sequences"][0]["tokens"]] == best
    # -1 fills up, and is no id
    assert len(tokpick.score(logits, [*best[:2], -1])["sequences"][0]["tokens"]) == 2
    with pytest.raises(tokpick.Error, match="-1"):
        tokpick.score(logits, [best[0], -1, best[2]])
    for ids, said in [([1.5, 2], "1.5"), (np.array([1.0, 2.0]), "1.0"), ([True, False], "True")]:
        with pytest.raises(TypeError, match=f"ids are whole numbers, not {said}"):
            tokpick.score(logits, ids)
    with pytest.raises(ValueError, match="different lengths"):
        tokpick.score(LOGITS, [[1, 2], [3]], layout="tbv")


def test_nothing_is_given_twice():
    ids = LOGITS[0].argmax(-1)
    for check in (tokpick.score, tokpick.verify):
        for settings in ({"ids": ids}, {"ids_": "1,2,3"}):
            with pytest.raises(TypeError, match="the ids are given twice: in their place, and as ids="):
                check(LOGITS[0], ids, **settings)
        assert check(LOGITS[0], ids, ids=None, **({} if check is tokpick.score else {"greedy": True}))
        with pytest.raises(TypeError, match="the chain is given twice"):
            check(LOGITS[0], ids, "top-k=3", chain_="top-k=4")
    with pytest.raises(TypeError, match="to compare are given twice: in their place, and as with="):
        tokpick.compare(LOGITS, "greedy", with_=["top-k=3"])
    assert len(tokpick.compare(LOGITS, with_=["greedy", "top-k=3"], seed=1)["settings"]) == 2
    for settings in ({"prompt_ids": [1]}, {"prefix": [1]}, {"sequence_offset": 2}):
        with pytest.raises(TypeError, match="given twice: by the generation itself"):
            processor("top-k=3", **settings)


def test_the_number_of_samples_is_that_of_the_ids():
    drawn = tokpick.sample(LOGITS, seed=5, num_samples=4)
    assert tokpick.verify(LOGITS, drawn, seed=5, num_samples=4)
    for ids in (drawn, tokpick.sample(LOGITS, seed=5, num_samples=4, details=True)):
        with pytest.raises(ValueError, match="num_samples=3, but the ids are those of 4 samples"):
            tokpick.verify(LOGITS, ids, seed=5, num_samples=3)
    # lists of all samples of each sequence don't say it
    assert tokpick.verify(LOGITS, drawn.swapaxes(0, 1).reshape(8, 3).tolist(), seed=5, num_samples=4)


@pytest.mark.parametrize("rows", [1, 2, 4])
@pytest.mark.parametrize("samples", [None, 1, 2, 4])
def test_lists_of_one_id_are_samples_of_one_row_or_sequences(tmp_path, rows, samples):
    logits = RNG.normal(0, 3, (rows, 30)).astype(np.float32)
    np.save(tmp_path / "rows.npy", logits)
    settings = {"layout": "bv", "seed": 5}
    ids = tokpick.sample(logits, num_samples=samples, **settings)
    assert ids.shape == ((samples, rows) if samples and samples > 1 else (rows,))
    # of a path nobody has seen how many rows it has, and lists of one id could be either
    for source, asked in [(logits, None), (logits.tolist(), samples), (tmp_path / "rows.npy", samples)]:
        for given in (ids, ids.tolist()):
            report = tokpick.verify(source, given, num_samples=asked, **settings)
            assert report and report["verification"]["summary"]["steps"] == ids.size, (rows, samples)
    if not samples:
        # a list for each sequence
        assert tokpick.verify(logits, ids.reshape(rows, 1), **settings)
        assert len(tokpick.score(logits, ids.reshape(rows, 1).tolist(), layout="bv")["sequences"]) == rows


def test_what_reads_a_report_again_reads_the_same():
    logits = LOGITS[0, 0]
    report = tokpick.explain(logits)
    drawn = report["steps"][0]["draw"]["id"]
    again = tokpick.explain(logits, seed=report["seed"])
    assert again["steps"][0]["draw"]["id"] == drawn
    assert str(again) == str(report) and again.svg() == report.svg()
    kept = pickle.loads(pickle.dumps(report))
    assert kept["steps"] == report["steps"] and str(kept) == str(report)


def test_what_comes_back_can_be_sent_elsewhere():
    run = tokpick.sample(LOGITS, seed=3, record=True)
    other = pickle.loads(pickle.dumps(run))
    assert np.array_equal(other.ids, run.ids) and other.verify()
    chain = tokpick.Chain("top-k=3")
    assert pickle.loads(pickle.dumps(chain)) == chain
    with pytest.raises(tokpick.Error) as raised:
        tokpick.sample(LOGITS, top_p=2)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_verify_and_score_take_what_sample_gives():
    ids = tokpick.sample(LOGITS, seed=5)
    report = tokpick.verify(LOGITS, ids, seed=5)
    assert report and report.holds and report["verification"]["summary"]["match_rate"] == 1
    ids[1, 2] = (ids[1, 2] + 1) % 30
    assert not tokpick.verify(LOGITS, ids, seed=5)
    run = tokpick.greedy(LOGITS, details=True)
    scores = tokpick.score(LOGITS, run)
    assert [s["logprob"] for s in scores["sequences"]] == [one.logprob for one in run]
    assert "perplexity" in str(scores)


def test_an_engine_is_guessed():
    logits = LOGITS[0]
    ids = tokpick.sample(logits, engine="numpy", seed=7)
    assert "numpy" in str(tokpick.verify(logits, ids, seed=7, guess=True))


def test_reports_have_text_and_picture():
    report = tokpick.explain(LOGITS[0, 0], "top-k=5", seed=1)
    assert report._repr_html_().startswith("<svg") and "top-k" in str(report)
    assert tokpick.compare(LOGITS, "greedy", "top-k=2", seed=1)._repr_html_().startswith("<svg")
    assert tokpick.tree(LOGITS[:1], num_beams=2)._repr_html_().startswith("<svg")
    diff = tokpick.diff(LOGITS, LOGITS + np.float32(1e-3), max_kl=1e-4)
    assert diff.holds and diff._repr_html_() is None
    with pytest.raises(TypeError, match="no picture"):
        diff.svg()


def test_strings_of_tokens_may_be_a_list():
    strings = [f"t{i}" for i in range(30)]
    report = tokpick.explain(LOGITS[0, 0], vocab=strings, seed=1)
    assert report["steps"][0]["tokens"][0]["token"].startswith("t")
    ends = tokpick.greedy(LOGITS, vocab=strings, eos_token_id=f"t{LOGITS[0, 0].argmax()}", details=True)
    assert len(ends[0]) == 1


def test_settings_may_be_a_dictionary():
    config = {"do_sample": True, "temperature": 0.6, "top_k": 7}
    found = tokpick.sample(LOGITS, generation_config=config, seed=9)
    assert np.array_equal(found, tokpick.sample(LOGITS, temperature=0.6, top_k=7, seed=9))


def test_the_program_comes_with_the_module():
    assert program("--version").stdout == f"tokpick {tokpick.__version__}\n"
    assert program("sample", "nothing.npy").returncode == 2


def test_a_recorded_run_keeps_the_files_that_it_was_given():
    run = tokpick.greedy(LOGITS, vocab=[f"t{i}" for i in range(30)], eos_token_id="t3", record=True)
    assert run.verify()


def test_what_was_pickled_has_what_is_in_its_files():
    strings = [f"t{i}" for i in range(30)]
    report = tokpick.explain(LOGITS[0, 0], vocab=strings, generation_config={"do_sample": True, "top_k": 5}, seed=1)
    run = tokpick.greedy(LOGITS, vocab=strings, eos_token_id="t3", generation_config={"do_sample": False}, record=True)
    said, kept = str(report), pickle.dumps((report, run))
    files = [*report._again.words._files, *run._words._files]
    assert len(files) == 4 and all(map(os.path.exists, files))
    del report, run
    gc.collect()
    assert not any(map(os.path.exists, files))
    report, run = pickle.loads(kept)
    assert str(report) == said and run.verify()
    # and once more, of what was pickled already
    other = pickle.loads(pickle.dumps(run))
    del run
    gc.collect()
    assert other.verify()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
# what other libraries in this process think of a fork
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_forked_process_leaves_the_files_to_its_parent():
    report = tokpick.explain(LOGITS[0, 0], vocab=[f"t{i}" for i in range(30)], seed=1)
    files, said = list(report._again.words._files), str(report)
    child = os.fork()
    if not child:
        words = weakref.ref(report._again.words)
        del report
        gc.collect()
        os._exit(0 if words() is None and all(map(os.path.exists, files)) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert str(report) == said
    del report
    gc.collect()
    assert not any(map(os.path.exists, files))


def test_golden_ids_are_asserted_with_margins():
    settings = {"temperature": 0.8, "top_p": 0.9, "seed": 7}
    ids = tokpick.sample(LOGITS, **settings)
    assert_decodes(LOGITS, ids, **settings)
    assert_decodes(LOGITS, LOGITS.argmax(-1), greedy=True)
    assert_decodes(LOGITS, tokpick.sample(LOGITS, "top-k=5", seed=3), "top-k=5", seed=3)
    best = LOGITS.argsort(-1)
    other = best[..., -1].copy()
    other[1, 2] = best[1, 2, -2]
    with pytest.raises(AssertionError, match="^the logits decode to other ids\n") as failed:
        assert_decodes(LOGITS, other, greedy=True)
    lost = LOGITS[1, 2, best[1, 2, -1]] - LOGITS[1, 2, other[1, 2]]
    message = str(failed.value)
    # sequence, step, both ids, and by how much the claimed one lost
    assert f"{lost:.4f}"[:5] in message and str(other[1, 2]) in message and str(best[1, 2, -1]) in message, message
    assert_decodes(LOGITS, other, greedy=True, max_margin=float(lost) + 0.01)


def test_what_was_asked_before_is_asked_again(tmp_path):
    """Calls of the same words share what was read of them, and nothing of what lies in files or arrays."""
    best = LOGITS[0].argmax(-1)
    for ids in (best, best[::-1]):
        (tmp_path / "ids.txt").write_text(" ".join(map(str, ids)))
        (tmp_path / "vocab.json").write_text(json.dumps([f"{ids[0]}-{i}" for i in range(30)]))
        tokens = tokpick.score(LOGITS[0], tmp_path / "ids.txt")["sequences"][0]["tokens"]
        assert [token["id"] for token in tokens] == ids.tolist()
        run = tokpick.greedy(LOGITS[0], vocab=tmp_path / "vocab.json", details=True)
        assert run[0].text.startswith(f"{ids[0]}-{best[0]}")
    for logits in (LOGITS, -LOGITS, LOGITS[0], LOGITS[0, 0]):
        assert np.array_equal(tokpick.greedy(logits), logits.argmax(-1))
    # fresh seeds stay fresh, and errors errors
    assert len({tokpick.sample(LOGITS, details=True).seed for _ in range(5)}) == 5
    for _ in range(2):
        with pytest.raises(tokpick.Error, match="--top-p 7"):
            tokpick.sample(LOGITS, top_p=7, seed=1)
        with pytest.warns(tokpick.Note, match="no effect in greedy search: top_k"):
            tokpick.greedy(LOGITS, top_k=3)
