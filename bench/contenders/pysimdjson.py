"""pysimdjson: lazy objects; of most lines only the event's name becomes a Python object."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import simdjson
from cache import SUFFIXES, open_stream

from contenders.contender import Contender, hit
from illshell.signatures.illegitimate_shell.names import EVENTS


def find(path: Path) -> list[int]:
    parse = simdjson.Parser().parse
    found = []
    with open_stream(path) as lines:
        for line in lines:
            event = parse(line)
            if event["eventName"] in EVENTS:
                decoded = event.as_dict()
                if hit(decoded):
                    found.append(decoded["timestamp"])
            del event  # the parser is used again
    return found


CONTENDERS = [
    Contender("pysimdjson", version("pysimdjson"), find=find, compressions=tuple(SUFFIXES))
]
