"""A small signature with state: it counts the execs of each host and reports each third one."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final

from illshell import Finding, SignatureEventSelector, SignatureMetadata
from illshell.model.errors import StateError

EVERY: Final = 3


class ExecCount:
    """Counts sched_process_exec by host. An exec without a process name is an error of it."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def get_metadata(self) -> SignatureMetadata:
        return SignatureMetadata(
            "EX-1", "1", "Third exec of a host", "third_exec", "", properties={"Severity": 1}
        )

    def get_selected_events(self) -> list[SignatureEventSelector]:
        return [SignatureEventSelector("tracee", "sched_process_exec")]

    def init(self, ctx: Any) -> None:
        self._callback = ctx.callback

    def on_event(self, event: Any) -> None:
        host = event.payload.get("hostName", "")
        if not event.payload.get("processName"):
            raise ValueError("an exec without a process name")
        self._counts[host] += 1
        if self._counts[host] % EVERY == 0:
            self._callback(Finding(self.get_metadata(), event, {"execs": self._counts[host]}))

    def on_signal(self, signal: Any) -> None:
        pass

    def close(self) -> None:
        pass

    def snapshot(self) -> bytes:
        return json.dumps({"version": 1, "counts": self._counts}).encode()

    def restore(self, state: bytes) -> None:
        saved = json.loads(state)
        if saved.get("version") != 1:
            raise StateError(f"version {saved.get('version')} is unknown")
        self._counts = Counter(saved["counts"])
