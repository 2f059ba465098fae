"""rg -F piped into Python and orjson."""

from __future__ import annotations

from peers.grep import find_behind
from peers.peer import Peer, first_line_of

PEERS = [
    Peer(
        "rg -F | orjson",
        first_line_of("rg", "--version"),
        find=find_behind("rg", "--fixed-strings", "--no-line-number", "--no-filename"),
    ),
    Peer(
        "rg -z -F | orjson",
        first_line_of("rg", "--version"),
        find=find_behind("rg", "-z", "--fixed-strings", "--no-line-number", "--no-filename"),
        compressions=("gzip", "zstd"),
    ),
]
