"""Writes package/tokpick/_settings.py: the types of all keyword arguments, from what the program says of its flags."""

import sys
from pathlib import Path

from tokpick import _tokpick
from tokpick._words import OWN

COMMANDS = ["sample", "greedy", "beam", "search", "probs", "score", "diff", "explain", "compare", "tree", "verify"]
TYPES = {
    "N": "int", "V": "int", "X": "float", "P": "float", "NATS": "float", "SHARE": "float", "SIGMA": "float",
    "SECONDS": "float", "NAME": "str", "FORM": "str", "WHERE": "str", "WHAT": "str", "COMMAND": "str", "TYPE": "str",
    "ORDER": "str",
}  # fmt: skip
#: Flags whose values are more than their names say.
OTHERS = {"prompt": "Any", "seed": "int | str | Sequence[int]", "forced-eos-token-id": "Any"}


def made() -> str:
    """The text of the file."""
    flags = {}
    for command in COMMANDS:
        for flag in _tokpick.flags(command):
            flags.setdefault(flag[0], flag)
    lines = [
        '"""The types of keyword arguments; written by tools/settings.py."""',
        "",
        "from collections.abc import Sequence",
        "from typing import Any, TypedDict",
        "",
        "",
        "class Settings(TypedDict, total=False):",
        '    """All that can be set, by the names of the program\'s flags. ``None`` is the default."""',
        "",
    ]
    for long, takes_value, optional, _, is_file, value_name, text in flags.values():
        name = long.replace("-", "_")
        if name in OWN:
            continue
        name = {"with": "with_"}.get(name, name)
        kind = TYPES.get(value_name, "Any") if takes_value and not is_file else "Any" if takes_value else "bool"
        kind = OTHERS.get(long, kind)
        kind = f"{kind} | bool" if optional else kind
        lines.append(f"    #: {' '.join(text.split())}")
        lines.append(f"    {name}: {kind if kind == 'Any' else kind + ' | None'}")
    lines += [
        "    #: The same as ``prefix_ids``.",
        "    prefix: Any",
        "    #: Threads for the rows: 0 for all cores, which is the default where it is worth it.",
        "    threads: int | None",
        "",
        "",
        "class Decoding(Settings, total=False):",
        '    """What strategies take beside it."""',
        "",
        "    #: Gives a `Run`: log-probabilities, texts, why a sequence ended.",
        "    details: bool",
        "    #: Gives a `Run` that can be verified, and saved.",
        "    record: bool",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    target = Path(__file__).parent.parent / "package/tokpick/_settings.py"
    if "--check" not in sys.argv:
        target.write_text(made(), encoding="utf-8")
    elif target.read_text(encoding="utf-8") != made():
        sys.exit(f"{target} is stale: run {__file__}")
