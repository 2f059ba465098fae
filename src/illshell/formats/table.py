"""table: findings for a person, each as soon as it comes, in columns that fit the terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from illshell.formats.terminal import command, visible
from illshell.formats.terminal_width import fit, fit_end
from illshell.model.position import ByteRange, Row
from illshell.signatures.illegitimate_shell.names import (
    PATHNAME,
    PREV_COMM,
    SCHED_PROCESS_EXEC,
    SECURITY_BPRM_CHECK,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.console import Console

    from illshell.model.finding import Finding
    from illshell.model.position import Position

NARROWEST: Final = 60
WIDE: Final = 116
"""Columns from which on the command stands in the finding's own line."""

WIDEST: Final = 140
"""Columns from which on the line has the start of the finding's uid."""

_TIME = 19
_PID = 7
_EVENT = 5
_BYTE = 11
_UID = 8
_GAP = "  "
_BEFORE_2000 = 946_684_800_000_000_000
_SHORT_NAMES = {SECURITY_BPRM_CHECK: "bprm", SCHED_PROCESS_EXEC: "exec"}


class Widths(NamedTuple):
    """Columns of the parts that share what is left; 0 for a part that has no column."""

    place: int
    chain: int
    command: int
    uid: int = 0

    @staticmethod
    def of(columns: int) -> Widths:
        """Share a line of so many columns."""
        columns = max(columns, NARROWEST)
        fixed = _TIME + _PID + _EVENT
        if columns < WIDE:
            left = columns - fixed - 4 * len(_GAP)
            place = left * 3 // 8
            return Widths(place, left - place, 0)
        left = columns - fixed - _BYTE - 6 * len(_GAP)
        uid = _UID if columns >= WIDEST else 0
        left -= uid and uid + len(_GAP)
        place = min(max(left // 4, 16), 32)
        chain = min(max(left // 3, 24), 40)
        return Widths(place, chain, left - place - chain, uid)


class Table:
    """The format: a header before the first finding, the source's name where it changes.

    ``columns`` gives the width to fill; ``console`` says whether there are colours.
    """

    def __init__(
        self, console: Console, columns: Callable[[], int], encoding: str = "utf-8"
    ) -> None:
        self._console = console
        self._columns = columns
        self._encoding = encoding
        self._arrow = "→" if encoding.lower().startswith("utf") else "->"
        self._source: object = None
        self._has_header = False

    def __call__(self, finding: Finding) -> bytes:
        """Write a finding: one line, or two where the command needs its own."""
        widths = Widths.of(self._columns())
        lines = []
        if not self._has_header:
            self._has_header = True
            lines.append(self._header(widths))
        position = finding.position
        source = _source(position)
        if source != self._source:
            self._source = source
            lines.append(Text(fit_end(visible(str(source)), self._columns()), "bold underline"))
        lines.extend(self._record(widths, finding, finding.tracee, _place_in(position)))
        return b"".join(map(self._bytes, lines))

    def _header(self, widths: Widths) -> Text:
        cells = [
            fit("TIME (UTC)", _TIME),
            fit("POD / HOST", widths.place),
            f"{'PID':>{_PID}}",
            fit(f"WEB SERVER {self._arrow} PROGRAM", widths.chain),
            fit("EVENT", _EVENT),
        ]
        if widths.uid:
            cells.append(fit("UID", widths.uid))
        if widths.command:
            cells += [f"{'BYTE':>{_BYTE}}", "COMMAND"]
        return Text(_GAP.join(cells).rstrip(), style="bold")

    def _record(
        self, widths: Widths, finding: Finding, payload: Mapping[str, Any], at: str
    ) -> list[Text]:
        line = Text()
        line.append(fit(_time(payload.get("timestamp")), _TIME) + _GAP, "cyan")
        line.append(fit(_place(payload), widths.place) + _GAP)
        line.append(f"{fit(_pid(payload), _PID, pad=False):>{_PID}}" + _GAP)
        self._append_chain(line, payload, widths.chain)
        name = str(payload.get("eventName"))
        line.append(_GAP + fit(_SHORT_NAMES.get(name, visible(name)), _EVENT), "dim")
        typed = command(_argument(payload, "argv"))
        if not widths.command:
            below = Text("  ")
            below.append(f"byte {at}" if at.isdigit() else at, "dim")
            return [line, self._below(below, typed)] if typed or at else [line]
        if widths.uid:
            line.append(_GAP + finding.uid[: widths.uid], "dim")
        at = at if len(at) <= _BYTE else at.removeprefix("row ")
        line.append(f"{_GAP}{at:>{_BYTE}}{_GAP}", "dim")
        if cell_len(typed) <= widths.command:
            line.append(typed, "bold")
            return [line]
        return [line, self._below(Text(" "), typed)]

    def _append_chain(self, line: Text, payload: Mapping[str, Any], width: int) -> None:
        comm = visible(str(payload.get("processName")))
        path = _argument(payload, PATHNAME)
        path = visible(path) if isinstance(path, str) else ""
        if payload.get("eventName") == SCHED_PROCESS_EXEC:
            server = visible(str(_argument(payload, PREV_COMM)))
            program = path if path.endswith("/" + comm) else f"{comm} ({path})" if path else comm
        else:
            server, program = comm, path
        arrow = f" {self._arrow} "
        room = width - cell_len(server) - len(arrow)
        shown = fit_end(program, room) if program == path else program
        chain = Text().append(server, "yellow").append(arrow).append(shown, "bold red")
        chain.truncate(width, overflow="ellipsis", pad=True)
        line.append_text(chain)

    def _below(self, line: Text, typed: str) -> Text:
        if typed:
            room = max(self._columns(), NARROWEST) - line.cell_len - 4
            line.append("  $ ", "dim").append(fit(typed, room, pad=False), "bold")
        return line

    def _bytes(self, line: Text) -> bytes:
        line.rstrip()
        with self._console.capture() as capture:
            self._console.print(line, no_wrap=True, overflow="ignore", crop=False)
        return capture.get().encode(self._encoding, "backslashreplace")


def _time(timestamp: Any) -> str:
    """Show nanoseconds: of the epoch, or, where they are too few for that, since boot."""
    if not isinstance(timestamp, int) or timestamp < 0:
        return "-" if timestamp is None else visible(repr(timestamp))
    if timestamp < _BEFORE_2000:
        return f"+{timestamp / 1e9:.3f} s"
    try:
        return datetime.fromtimestamp(timestamp // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return visible(repr(timestamp))


def _source(position: Position | None) -> str | None:
    return None if position is None else str(next(iter(position.to_json().values())))


def _place_in(position: Position | None) -> str:
    """Return the event's byte in its source, or its row where that is columnar."""
    if isinstance(position, Row):
        return f"row {position.row}"
    return str(position.offset) if isinstance(position, ByteRange) else ""


def _place(payload: Mapping[str, Any]) -> str:
    """Name where it happened: the pod, else host and container, for each vintage of the keys."""
    pod = _either(payload, "kubernetes", "podName", "podName")
    if pod:
        namespace = _either(payload, "kubernetes", "podNamespace", "podNamespace")
        return visible(f"{namespace}/{pod}" if namespace else pod)
    container = _either(payload, "container", "name", "containerName")
    if not container:
        container = _either(payload, "container", "id", "containerId")[:12]
    host = payload.get("hostName")
    host = host if isinstance(host, str) else ""
    return visible("/".join(filter(None, (host, container)))) or "-"


def _either(payload: Mapping[str, Any], group: str, key: str, old_key: str) -> str:
    grouped = payload.get(group)
    value = grouped.get(key) if isinstance(grouped, dict) else None
    value = value or payload.get(old_key)
    return value if isinstance(value, str) else ""


def _pid(payload: Mapping[str, Any]) -> str:
    """Show the process as the host numbers it."""
    pid = payload.get("hostProcessId") or payload.get("processId")
    return "-" if pid is None else visible(str(pid))


def _argument(payload: Mapping[str, Any], name: str) -> Any:
    args = payload.get("args")
    if not isinstance(args, list):
        return None
    named = (arg for arg in args if isinstance(arg, dict) and arg.get("name") == name)
    return next(named, {}).get("value")
