"""msgspec: typed structs; the arguments stay raw until the event's name and comm say otherwise."""

from __future__ import annotations

from pathlib import Path

import msgspec
from cache import SUFFIXES, open_stream

from contenders.contender import Contender, hit
from illshell.signatures.illegitimate_shell.names import EVENTS


class Head(msgspec.Struct):
    timestamp: int
    processName: str  # noqa: N815 (Tracee's key)
    eventName: str  # noqa: N815
    args: msgspec.Raw


class Arg(msgspec.Struct):
    name: str
    value: msgspec.Raw


def find(path: Path) -> list[int]:
    head = msgspec.json.Decoder(Head).decode
    args = msgspec.json.Decoder(list[Arg]).decode
    value = msgspec.json.Decoder().decode
    found = []
    with open_stream(path) as lines:
        for line in lines:
            event = head(line)
            if event.eventName in EVENTS:
                decoded = {
                    "eventName": event.eventName,
                    "processName": event.processName,
                    "args": [
                        {"name": arg.name, "value": value(arg.value)} for arg in args(event.args)
                    ],
                }
                if hit(decoded):
                    found.append(event.timestamp)
    return found


CONTENDERS = [Contender("msgspec", msgspec.__version__, find=find, compressions=tuple(SUFFIXES))]
