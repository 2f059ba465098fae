"""rg -F piped into Python and orjson."""

from __future__ import annotations

from contenders.contender import Contender, first_line_of
from contenders.grep import find_behind

CONTENDERS = [
    Contender(
        "rg -F | orjson",
        first_line_of("rg", "--version"),
        find=find_behind("rg", "--fixed-strings", "--no-line-number", "--no-filename"),
    ),
    Contender(
        "rg -z -F | orjson",
        first_line_of("rg", "--version"),
        find=find_behind("rg", "-z", "--fixed-strings", "--no-line-number", "--no-filename"),
        compressions=("gzip", "zstd"),
    ),
]
