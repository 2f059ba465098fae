"""simdjson's On-Demand parser in C++: a program of its own, see find.cpp."""

from __future__ import annotations

from pathlib import Path

from contenders.contender import BUILT, Contender, Unavailable, first_line_of, printed_numbers
from illshell.signatures.illegitimate_shell.names import SHELLS, WEB_SERVERS

PROGRAM = BUILT / "simdjson_ondemand"
if not PROGRAM.exists():
    raise Unavailable("not built: needs a C++ compiler and Debian's libsimdjson-dev")


def find(path: Path) -> list[int]:
    return printed_numbers(PROGRAM, path, ",".join(WEB_SERVERS), ",".join(SHELLS))


CONTENDERS = [
    Contender("simdjson On-Demand, C++", first_line_of(str(PROGRAM), "--version"), find=find)
]
