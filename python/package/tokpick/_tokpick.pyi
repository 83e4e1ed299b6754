from collections.abc import Sequence
from typing import Any

__version__: str

class Error(ValueError): ...

def call(
    words: Sequence[str],
    loans: list[tuple[str, Any, int | None]],
    want: str,
    logprobs: bool = False,
    record: bool = False,
    threads: int | None = None,
) -> dict[str, Any]: ...
def verify(
    record: str, loans: list[tuple[str, Any, int | None]], path: Any = None, instead: Any = None
) -> dict[str, Any]: ...
def main(words: Sequence[str]) -> int: ...
def flags(command: str) -> list[tuple[str, bool, bool, bool, bool, str, str]]: ...
def chain(text: str) -> str: ...
def table(
    words: Sequence[str],
    logits: Any,
    rows: list[tuple[int, int, str | None, list[int], list[int]]],
    vocab: int | None,
    logprobs: bool,
    threads: int,
) -> dict[str, Any]: ...
def look(logits: Any) -> tuple[list[int], str, bool]: ...
