"""The original: Tracee's own signature, loaded as Tracee loads it; see main.go.

It judges sched_process_exec alone, as Tracee does from v0.23 on.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from contenders.contender import BUILT, Contender, Unavailable, printed_numbers
from illshell.signatures.illegitimate_shell.names import SCHED_PROCESS_EXEC

CANNOT = {
    "Tracee's package `detectors`": "in no release yet: its main branch alone has it, and v0.24.1, "
    "whose signature judges the same event by the same lists, is the newest to be had as a module"
}
HOST = BUILT / "tracee_go" / "host"
PLUGIN = BUILT / "tracee_go" / "builtin.so"
if not (HOST.exists() and PLUGIN.exists()):
    raise Unavailable("not built: needs Go 1.24 or later with cgo, and Go's module proxy")


def version() -> str:
    module = Path(__file__).with_name("go.mod").read_text()
    found = re.search(r"aquasecurity/tracee (v\S+)", module)
    assert found is not None
    return found[1]


def find(path: Path) -> list[int]:
    return printed_numbers(HOST, PLUGIN, "find", path)


def seconds_per_event(path: Path, events: int) -> float:
    """Measure OnEvent on decoded events with Go's benchmark."""
    command: list[str | Path] = [HOST, PLUGIN, "bench-events", path, str(events)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(run.stdout) / 1e9


CONTENDERS = [
    Contender("Tracee's own signature, Go", version(), find=find, events=(SCHED_PROCESS_EXEC,)),
]
