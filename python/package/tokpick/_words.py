"""Keyword arguments as the command's flags, and what is lent to it."""

from __future__ import annotations

import contextlib
import functools
import json
import numbers
import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from . import _tokpick


class Flag(NamedTuple):
    """A flag of a command."""

    long: str
    takes_value: bool
    optional: bool
    repeats: bool
    is_file: bool
    value_name: str
    help: str


@functools.cache
def flags(command: str) -> dict[str, Flag]:
    """The flags of a command, by the names that Python has for them."""
    return {flag[0].replace("-", "_"): Flag(*flag) for flag in _tokpick.flags(command)}


#: Other names for what transformers and Python call otherwise.
ALIASES = {"prefix": "prefix_ids"}

#: What the interface does itself.
OWN = frozenset(
    "format output record stream escape histogram help version threads trace trace_top record_table model_command "
    "model_protocol model_timeout width color ascii digits ids_file input from_trace".split()
)


def is_array(value: Any) -> bool:
    """Whether something is an array, and no list."""
    return any(hasattr(value, name) for name in ("__array_interface__", "__dlpack__", "__array__"))


def path_text(path: str | os.PathLike[Any]) -> str:
    """A path as a word that is no flag, and no name of what is lent."""
    name = os.fsdecode(path)
    return os.path.join(".", name) if name.isidentifier() or (name.startswith("-") and name != "-") else name


def flag_name(name: str) -> str:
    """The flag that a keyword argument is for, as `flags` has it."""
    return ALIASES.get(name, name).rstrip("_")


def given(settings: Mapping[str, Any], flag: str) -> Any:
    """What settings say of a flag, by whichever of its names; ``None`` for nothing."""
    return next((value for name, value in settings.items() if value is not None and flag_name(name) == flag), None)


class Words:
    """A command line in the making: its words, what is lent to it, and the files that it needs meanwhile. Pickled, it has what is in
    the files."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.words = [command]
        self.loans: list[tuple[str, Any, int | None]] = []
        #: What files were called before they came here with what was pickled, and what they are called.
        self.moved: dict[str, str] = {}
        self._files: list[str] = []

    def __getstate__(self) -> dict[str, Any]:
        contents = {}
        for file in self._files:
            with open(file, encoding="utf-8", newline="") as content:
                contents[file] = content.read()
        return {"command": self.command, "words": self.words, "loans": self.loans, "contents": contents}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Words.__init__(self, state["command"])
        self.words, self.loans = list(state["words"]), list(state["loans"])
        for file, content in state["contents"].items():
            # the name says what it is for; the file that had it may be gone, or its owner's to delete
            there = self.moved[file] = self._kept(os.path.basename(file).split("-")[1], content)
            self.words = [word.replace(file, there) for word in self.words]

    def input(self, name: str, logits: Any, vocab_size: int | None = None) -> None:
        """The next input: a path as it stands, anything else lent."""
        if isinstance(logits, (str, os.PathLike)):
            self.words.append(path_text(logits))
        else:
            self.loans.append((name, logits, vocab_size))
            self.words.append(name)

    def settings(self, settings: Mapping[str, Any]) -> None:
        """Keyword arguments as flags; ``None`` is the default."""
        for name, value in settings.items():
            if value is not None:
                # a prompt is a text, or ids
                ids = name == "prompt" and not isinstance(value, str)
                self._setting("prompt_ids" if ids else flag_name(name), value)

    def _setting(self, name: str, value: Any) -> None:
        flag = flags(self.command).get(name)
        long = "--" + name.replace("_", "-")
        if name in OWN:
            raise TypeError(f"{name} is a flag of the program, and no setting here")
        if flag is None:
            # the program knows what was meant, and says it
            self.words.append(long)
        elif not flag.takes_value:
            if not isinstance(value, bool):
                raise TypeError(f"{name} is True or False, not {value!r}")
            if value:
                self.words.append(long)
        elif flag.optional and value is True:
            self.words.append(long)
        elif flag.optional and value is False:
            return
        elif flag.repeats and not isinstance(value, str) and isinstance(value, Iterable):
            self.words.extend(f"{long}={text(one)}" for one in value)
        elif flag.is_file:
            self.words.append(f"{long}={self._file(name, value)}")
        else:
            self.words.append(f"{long}={text(value)}")

    def _file(self, name: str, value: Any) -> str:
        """A file: its path; an array under the name of its argument; anything else as JSON in a file for a while."""
        if isinstance(value, (str, os.PathLike)):
            return path_text(value)
        if is_array(value):
            self.loans.append((name, value, None))
            return name
        return self._kept(name, _lines(value) if name == "prefix_constraint" else _content(value))

    def _kept(self, name: str, content: str) -> str:
        """A file that lasts as long as the words."""
        if not self._files:
            # a run that can be verified keeps its words, and so its files
            weakref.finalize(self, _unlink, self._files, os.getpid())
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="", suffix=".json", prefix=f"tokpick-{name}-", delete=False
        ) as file:
            self._files.append(file.name)
            file.write(content)
        return file.name


def _content(value: Any) -> str:
    """What a file would hold: a tokenizer, strings or settings, as JSON."""
    # a fast tokenizer of transformers has one of `tokenizers` in it, which is all of tokenizer.json
    whole = getattr(getattr(value, "backend_tokenizer", value), "to_str", None)
    if whole is not None:
        return whole()
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    elif hasattr(value, "get_vocab"):
        value = value.get_vocab()
    return json.dumps(value, default=_plain)


def _lines(value: Any) -> str:
    """JSON Lines of a prefix constraint: objects as its file has them, or ``{(id, …): [allowed ids]}``."""
    if isinstance(value, Mapping):
        value = [{"prefix": list(prefix), "allowed": allowed} for prefix, allowed in value.items()]
    return "".join(json.dumps(line, default=_plain) + "\n" for line in value)


def _unlink(files: list[str], owner: int) -> None:
    # a process that was forked from the owner has the words, too, and its files are the owner's
    for file in files if os.getpid() == owner else ():
        # others tidy up temporary folders, too
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file)


def text(value: Any) -> str:
    """A value as it is written in a flag."""
    if isinstance(value, str):
        return value
    # what most are: asking for abstract numbers takes longer
    if type(value) in (int, float):
        return repr(value)
    if isinstance(value, (bool,)):
        return "true" if value else "false"
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, numbers.Real):
        return repr(float(value))
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if hasattr(value, "tolist"):
        return text(value.tolist())
    if isinstance(value, range):
        return f"{value.start}..{value.stop}"
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, (Sequence, Iterable)):
        value = list(value)
        if all(isinstance(one, numbers.Real) and not isinstance(one, bool) for one in value):
            return ",".join(text(one) for one in value)
        return json.dumps(value, default=_plain)
    return str(value)


def _mapping(value: Mapping[Any, Any]) -> str:
    """``{id: bias}`` as ``logit_bias``, ``{(id, …): bias}`` as ``sequence_bias`` takes it."""
    if any(isinstance(key, (tuple, list)) for key in value):
        return json.dumps([[list(key), bias] for key, bias in value.items()], default=_plain)
    return ",".join(f"{int(key)}={text(bias)}" for key, bias in value.items())


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{value!r} can't be written as JSON")


def chain_text(chain: Any) -> str | None:
    """A chain as ``--chain`` takes it."""
    if chain is None or isinstance(chain, str):
        return chain
    json_text: Callable[[], str] | None = getattr(chain, "to_json", None)
    return json_text() if json_text else json.dumps(chain, default=_plain)
