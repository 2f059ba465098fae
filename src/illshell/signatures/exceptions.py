"""Exceptions: shells below web servers that are known and wanted, told exactly, as TOML.

    [[exception]]
    reason = "Apache writes its log through a pipe"      # required
    server = "apache2"                                   # required: the server's name in the chain
    program = "/usr/bin/dash"                            # required: the file that was executed
    argv = ["sh", "-c", "exec cat >> /var/log/apache2/all.log"]
    image = "docker.io/library/httpd:2.4"                # the container's image
    user = 33                                            # the user id
    within_start = 1.5                                   # seconds, see below
    expires = 2027-06-30                                 # from this day on (UTC) it is ignored

All keys that are given must hold, each exactly: there are no patterns and no substrings. ``argv``
or ``within_start`` is required, because "this server may start shells" excuses an attacker, too.
``argv`` is compared as `sh -c X`, also where a newer libc made `sh -c -- X` of it. ``within_start``
holds for what the server's main process itself executed at most so long after it started: the
shells of piped logs and of configuration files, before any request.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from illshell.model.errors import IllshellError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_KEYS: Final = (
    "reason", "server", "program", "argv", "image", "user", "within_start", "expires",
)  # fmt: skip
_HEADER: Final = re.compile(r"\s*\[\[\s*exception\s*\]\]")
_NANOSECONDS: Final = 1_000_000_000


class ExceptionFileError(IllshellError, ValueError):
    """A file of exceptions can't be used; ``line`` and ``column`` count from 1, 0 if unknown."""

    def __init__(self, source: str, line: int, column: int, problem: str) -> None:
        super().__init__(f"{source}:{line}:{column}: {problem}" if line else f"{source}: {problem}")
        self.line = line
        self.column = column


class Execution(NamedTuple):
    """What exceptions are compared with.

    ``argv``: None where the event has none. ``user``: -1 where unknown. ``since_start``: ns since
    the server started where its main process executed the program, else -1. ``time``: ns since the
    epoch, 0 where unknown.
    """

    server: str
    program: str
    argv: Sequence[str] | None = None
    image: str = ""
    user: int = -1
    since_start: int = -1
    time: int = 0


@dataclass(frozen=True, slots=True)
class KnownExecution:
    """One exception; what is None is not compared. ``expires``: ns since the epoch."""

    reason: str
    server: str
    program: str
    argv: tuple[str, ...] | None = None
    image: str | None = None
    user: int | None = None
    within_start: int | None = None
    expires: int | None = None

    def excuses(self, execution: Execution) -> bool:
        """Whether all that is given holds."""
        return (
            execution.server == self.server
            and execution.program == self.program
            and (
                self.argv is None
                or (execution.argv is not None and self.argv == normalized(execution.argv))
            )
            and (self.image is None or execution.image == self.image)
            and (self.user is None or execution.user == self.user)
            and (self.within_start is None or 0 <= execution.since_start <= self.within_start)
            and (self.expires is None or _time_of(execution) < self.expires)
        )


class Exceptions:
    """A list of exceptions, with counts of what they excused.

    Immutable but for the counts, which one thread at a time may change.
    """

    def __init__(self, entries: Iterable[KnownExecution] = (), source: str = "") -> None:
        self.entries = tuple(entries)
        self.source = source
        self.counts: Counter[KnownExecution] = Counter()
        self._by_program: dict[tuple[str, str], list[KnownExecution]] = {}
        for entry in self.entries:
            self._by_program.setdefault((entry.server, entry.program), []).append(entry)

    def __len__(self) -> int:
        return len(self.entries)

    @classmethod
    def load(cls, path: str | Path) -> Exceptions:
        """Read a file. Raises ExceptionFileError, with line and column where there is one."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ExceptionFileError(str(path), 0, 0, str(error)) from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, source: str = "exceptions") -> Exceptions:
        """Read the text of a file."""
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise _syntax_error(source, text, str(error)) from None
        unknown = [key for key in tables if key != "exception"]
        if unknown:
            line, column = _place_of_key(text, unknown[0], 0)
            raise ExceptionFileError(
                source, line, column, f"unknown table {unknown[0]!r}; expected [[exception]]"
            )
        entries = tables.get("exception", [])
        if not isinstance(entries, list):
            line, column = _place_of_key(text, "exception", 0)
            raise ExceptionFileError(source, line, column, "write [[exception]]")
        return cls((_entry(entry, i, text, source) for i, entry in enumerate(entries)), source)

    def match(self, execution: Execution) -> KnownExecution | None:
        """Return the first exception that excuses an execution, and count it."""
        for entry in self._by_program.get((execution.server, execution.program), ()):
            if entry.excuses(execution):
                self.counts[entry] += 1
                return entry
        return None

    def summary(self) -> list[tuple[KnownExecution, int]]:
        """Return each exception with what it excused, in the order of the file."""
        return [(entry, self.counts[entry]) for entry in self.entries]


def normalized(argv: Sequence[str]) -> tuple[str, ...]:
    """Return arguments without the ``--`` that glibc 2.38 puts between ``sh -c`` and a command."""
    words = tuple(argv)
    return words[:2] + words[3:] if len(words) > 3 and words[1:3] == ("-c", "--") else words


def suggest(
    executions: Iterable[Execution], *, at_least: int = 2
) -> list[tuple[KnownExecution, int]]:
    """Return exact exceptions for executions that recur, with their counts, the most first.

    An execution without arguments makes none. The reason is left for a person to write.
    """
    found: Counter[KnownExecution] = Counter()
    for execution in executions:
        if execution.argv is None or not execution.server or not execution.program:
            continue
        found[
            KnownExecution(
                "",
                execution.server,
                execution.program,
                normalized(execution.argv),
                execution.image or None,
                execution.user if execution.user >= 0 else None,
            )
        ] += 1
    return [(entry, count) for entry, count in found.most_common() if count >= at_least]


def as_toml(entry: KnownExecution) -> str:
    """Write one exception, without its expiry, as a file has it."""
    lines = ["[[exception]]", f"reason = {_quoted(entry.reason)}"]
    lines += [f"server = {_quoted(entry.server)}", f"program = {_quoted(entry.program)}"]
    if entry.argv is not None:
        lines.append(f"argv = [{', '.join(map(_quoted, entry.argv))}]")
    if entry.image is not None:
        lines.append(f"image = {_quoted(entry.image)}")
    if entry.user is not None:
        lines.append(f"user = {entry.user}")
    if entry.within_start is not None:
        lines.append(f"within_start = {entry.within_start / _NANOSECONDS}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Write a basic string of TOML; a lone surrogate, which TOML can't hold, becomes U+FFFD."""
    plain = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    safe = "".join(c if c.isprintable() or c == " " else f"\\U{ord(c):08x}" for c in escaped)
    return f'"{safe}"'


def _time_of(execution: Execution) -> int:
    return execution.time or int(datetime.now(UTC).timestamp() * _NANOSECONDS)


def _entry(entry: Any, number: int, text: str, source: str) -> KnownExecution:
    def refuse(key: str, problem: str) -> ExceptionFileError:
        line, column = _place_of_key(text, key, number + 1)
        return ExceptionFileError(source, line, column, f"exception {number + 1}: {problem}")

    if not isinstance(entry, dict):
        raise refuse("", "write [[exception]] and its keys on lines of their own")
    for key in entry:
        if key not in _KEYS:
            raise refuse(key, f"unknown key {key!r}; expected {', '.join(_KEYS)}")
    for key in ("reason", "server", "program"):
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise refuse(key, f"{key} is required, a string that is not empty")
    if "argv" not in entry and "within_start" not in entry:
        raise refuse("", "argv or within_start is required: say which command is excused")
    argv, image, user = entry.get("argv"), entry.get("image"), entry.get("user")
    is_list = isinstance(argv, list) and argv and all(isinstance(word, str) for word in argv)
    if argv is not None and not is_list:
        raise refuse("argv", "argv must be a list of strings that is not empty")
    if image is not None and (not isinstance(image, str) or not image):
        raise refuse("image", "image must be a string that is not empty")
    if user is not None and (not isinstance(user, int) or isinstance(user, bool) or user < 0):
        raise refuse("user", "user must be a user id: a number from 0 on")
    within = entry.get("within_start")
    is_number = isinstance(within, (int, float)) and not isinstance(within, bool)
    if within is not None and (not is_number or not 0 < within <= 3600):
        raise refuse("within_start", "within_start must be seconds: more than 0, at most 3600")
    return KnownExecution(
        entry["reason"],
        entry["server"],
        entry["program"],
        None if argv is None else normalized(argv),
        image,
        user,
        None if within is None else int(within * _NANOSECONDS),
        _expiry(entry, refuse),
    )


def _expiry(entry: Mapping[str, Any], refuse: Any) -> int | None:
    expires = entry.get("expires")
    if expires is None:
        return None
    if isinstance(expires, date) and not isinstance(expires, datetime):
        expires = datetime.combine(expires, time(), UTC)
    if not isinstance(expires, datetime):
        raise refuse("expires", "expires must be a date or a time, without quotes: 2027-06-30")
    if expires.tzinfo is None:
        expires = expires.replace(tzinfo=UTC)
    return int(expires.timestamp()) * _NANOSECONDS


def _syntax_error(source: str, text: str, message: str) -> ExceptionFileError:
    found = re.search(r"\s*\(at line (\d+), column (\d+)\)$", message)
    if found:
        line, column = int(found[1]), int(found[2])
        return ExceptionFileError(source, line, column, message[: found.start()])
    # "(at end of document)"
    lines = text.splitlines() or [""]
    problem = message.replace(" (at end of document)", "")
    return ExceptionFileError(source, len(lines), len(lines[-1]) + 1, problem)


def _place_of_key(text: str, key: str, number: int) -> tuple[int, int]:
    """Return line and column of a key of the exception of that number; of its header without."""
    header, current = (1, 1), 0
    pattern = re.compile(rf"\s*(\[*\s*[\"']?{re.escape(key)}[\"']?)\s*[=.\]]") if key else None
    for line, content in enumerate(text.splitlines(), 1):
        if _HEADER.match(content):
            current += 1
            if current == number:
                header = line, content.index("[") + 1
        if pattern and current == number:
            found = pattern.match(content)
            if found:
                return line, found.start(1) + 1
    return header
