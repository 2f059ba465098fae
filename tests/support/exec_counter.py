"""A signature with state: each seventh exec of a host. Copied beside illshell as a package."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from illshell.model.errors import StateError
from illshell.model.event import Event, SignatureEventSelector
from illshell.model.finding import Finding, SignatureMetadata
from illshell.model.signature import SignatureContext

ID = "EXEC-COUNT"
EVERY = 7

Place = tuple[int, int]  # partition and offset


class ExecCounter:
    """Counts execs by host, and remembers each host's last note."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._notes: dict[str, str] = {}

    def get_metadata(self) -> SignatureMetadata:
        return SignatureMetadata(
            id=ID, version="1", name="Exec count", event_name="exec_count", description=""
        )

    def get_selected_events(self) -> list[SignatureEventSelector]:
        return [SignatureEventSelector("tracee", "sched_process_exec", "*")]

    def init(self, ctx: SignatureContext) -> None:
        self._callback = ctx.callback

    def on_event(self, event: Event) -> None:
        host = event.payload["hostName"]
        if "note" in event.payload:
            self._notes[host] = event.payload["note"]
        self._counts[host] = count = self._counts.get(host, 0) + 1
        if count % EVERY == 0:
            self._callback(Finding(self.get_metadata(), event, {"count": count}))

    def on_signal(self, _signal: Any) -> None:
        pass

    def close(self) -> None:
        pass

    def snapshot(self) -> bytes:
        return json.dumps([self._counts, self._notes]).encode()

    def restore(self, state: bytes) -> None:
        try:
            self._counts, self._notes = json.loads(state)
        except ValueError as error:
            raise StateError(str(error)) from None


def install(folder: Path) -> None:
    """Install this module into a folder, with its entry point."""
    shutil.copy(__file__, folder)
    info = folder / "exec_counter-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: exec-counter\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        f"[illshell.signatures]\n{ID} = exec_counter:ExecCounter\n"
    )


def exec_lines(count: int) -> list[bytes]:
    """Return events of three hosts, one in ten an exec, some of them of a web server's shell."""
    noise = b'{"timestamp":%d,"hostName":"h","hostThreadId":7,"eventName":"close"}'
    event = (
        b'{"timestamp":%d,"hostName":"%b","hostThreadId":7,"processName":"sh",'
        b'"eventName":"sched_process_exec","args":[{"name":"prev_comm","value":"%b"}]}'
    )
    return [
        noise % row
        if row % 10 > 3 or row % 3 == 0
        else event % (row, b"host%d" % (row * 7919 % 3), b"nginx" if row % 41 == 0 else b"cat")
        for row in range(1, count + 1)
    ]


def expected_counts(lines: Iterable[bytes], partitions: int) -> dict[Place, int]:
    """Return the count of each finding by its place, the nth line in partition n modulo these."""
    counters: Sequence[Counter[str]] = [Counter() for _ in range(partitions)]
    expected = {}
    for row, line in enumerate(lines):
        event = json.loads(line)
        if event["eventName"] == "sched_process_exec":
            counts = counters[row % partitions]
            counts[event["hostName"]] += 1
            if counts[event["hostName"]] % EVERY == 0:
                place = (row % partitions, row // partitions)
                expected[place] = counts[event["hostName"]]
    return expected
