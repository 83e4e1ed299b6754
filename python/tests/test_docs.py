"""Every block of Python in docs/python.md runs, one after the other, on what the text around it speaks of."""

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import tokpick

ROOT = Path(__file__).parent.parent.parent
FIXTURES = ROOT / "fixtures"
PAGE = ROOT / "docs/python.md"


def blocks():
    text = PAGE.read_text(encoding="utf-8")
    return [found[1] for found in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files that the page names."""
    (tmp_path / "fixtures").symlink_to(FIXTURES)
    for name, origin in [
        ("answer.json", "teaching/server.json"),
        ("trainer.json", "teaching/trainer-shifted.json"),
        ("base.kld", "formats/kld/lm512-f32.kld"),
        ("quantised.kld", "formats/kld/lm512-q8_0.kld"),
    ]:
        shutil.copy(FIXTURES / origin, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("ignore::tokpick.Note")
def test_the_page_runs(folder):
    logits = np.load(FIXTURES / "tiny-lm/steps.npy")
    # what each step allows
    (folder / "mask.json").write_text(json.dumps([np.argsort(-row)[:40].tolist() for row in logits]))
    rows = pa.FixedSizeListArray.from_arrays(pa.array(logits.reshape(-1)), logits.shape[1])
    names = {
        "next_logits": lambda prefix: logits[prefix[-1] % len(logits)],
        "tokenizer": FIXTURES / "tiny-lm/tokenizer.json",
        "other": logits + np.float32(1e-3),
        "table": pa.table({"id": range(len(logits)), "logits": rows}),
        "inputs": {},
    }
    asked = {}
    transformers = SimpleNamespace(generate=lambda **settings: asked.update(settings))
    for block in blocks():
        if "model.generate" in block:
            names["model"] = transformers
        exec(compile(block, str(PAGE), "exec"), names)
    assert names["ids"].shape == (24,) and names["run"].record["seed"] == 7
    assert names["found"]["id"].to_pylist() == list(range(24))
    assert [processor.chain for processor in asked["logits_processor"]] == [tokpick.Chain("min-p=0.1,dry=0.8")]


def test_the_page_names_all_that_there_is():
    text = PAGE.read_text(encoding="utf-8")
    for name in tokpick.__all__:
        assert name == "__version__" or re.search(rf"\b{name}\b", text), name
