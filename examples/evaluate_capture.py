"""Count what ILL-1001 finds in a capture, by label and scenario, each miss with its reason.

    python examples/evaluate_capture.py [CAPTURE]     the default is lab_exec_events.jsonl

Exit code 1 where a program is reported that should not be.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from make_lab_events import CAPTURE, events_of, load_capture

from illshell.model.signature import SignatureContext, SourceComplete
from illshell.signatures.shell_below_web_server.signature import ShellBelowWebServer

if TYPE_CHECKING:
    from illshell.model.finding import Finding

WANTED = "shell_under_webserver"
EXCUSABLE = "startup_benign_shell"


def main(argv: list[str]) -> int:
    """Run the command line."""
    rows = load_capture(Path(argv[0]) if argv else CAPTURE)
    found = find(rows)
    total = Counter(row["label"] for row in rows)
    reported = Counter(rows[number]["label"] for number in found)
    for label, count in sorted(total.items()):
        print(f"{label:24} {reported[label]:4} of {count}")
    for number, row in enumerate(rows):
        if number in found:
            told = found[number].data or {}
            chain = " > ".join(link["name"] for link in told["why"]["chain"])
            print(f"found  {row['scenario']:34} {'+'.join(told['why']['rules']):24} {chain}")
        elif row["label"] == WANTED:
            print(f"missed {row['scenario']:34} {reason(row)}")
    wrong = set(total) - {WANTED, EXCUSABLE}
    return int(any(reported[label] for label in wrong))


def find(rows: list[dict[str, Any]]) -> dict[int, Finding]:
    """Return the finding of each captured exec that has one, by the number of its row."""
    found: dict[int, Finding] = {}
    signature = ShellBelowWebServer()
    signature.init(
        SignatureContext(lambda finding: found.setdefault(finding.event["row"], finding))
    )
    for number, row in enumerate(rows):
        for event in events_of(row):
            signature.on_event(event | {"row": number})
    signature.on_signal(SourceComplete("tracee"))
    return found


def reason(row: dict[str, Any]) -> str:
    """Tell why an exec was missed, from what its events say."""
    name = row["filename"].rpartition("/")[2]
    if name == row["comm"][: len(name)] and not row["ancestors"]:
        return "nothing that the events say leads to a web server"
    return f"the events call it {name}; neither inode nor hash tells whose file it is"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
