"""The exceptions of illshell, one small family under :class:`IllshellError`.

The texts of the event errors are Tracee's own (v0.24 for the type error of ``prev_comm``, v0.11 to
v0.22 for ``pathname``, each the last release that judged that event).
"""

from __future__ import annotations

import re
from typing import Final

_ROW: Final = re.compile(r"row (\d+)\b")


class IllshellError(Exception):
    """Base of every error that illshell raises on purpose."""


class InvalidEventError(IllshellError, ValueError):
    """What was handed in is not an event that can be judged."""

    def __init__(self, detail: str | None = None) -> None:
        super().__init__("invalid event" if detail is None else f"invalid event: {detail}")


class InvalidLineError(IllshellError, ValueError):
    """A line is no event; the message says why."""


class ArgumentError(IllshellError, ValueError):
    """An argument that the rule must read can't be read; ``argument`` names it."""

    def __init__(self, argument: str, message: str) -> None:
        super().__init__(message)
        self.argument = argument


class ArgumentNotFoundError(ArgumentError):
    """The event has no argument of that name."""

    def __init__(self, argument: str) -> None:
        super().__init__(argument, f"argument {argument} not found")


class ArgumentNotInitializedError(ArgumentError):
    """The argument is there and its value is null."""

    def __init__(self, argument: str) -> None:
        super().__init__(argument, f"argument {argument} is not initialized")


class ArgumentTypeError(ArgumentError):
    """The argument's value is not a string; ``go_type`` is the type that Tracee would name."""

    def __init__(self, argument: str, go_type: str | None = None) -> None:
        kind = "" if go_type is None else f" (argument is of type {go_type})"
        super().__init__(argument, f"can't convert argument {argument} to string{kind}")
        self.go_type = go_type


class ColumnError(IllshellError, ValueError):
    """A packed column is missing, of a wrong type, or damaged.

    ``column`` names it. ``row``: the row whose value can't be read, which the message may begin
    with as well; None where the column as a whole can't be read.
    """

    def __init__(self, column: str, message: str | None = None, row: int | None = None) -> None:
        # Pickle and Polars make an error anew of its text alone.
        if message is None:
            column, _, message = column.removeprefix("column ").partition(": ")
        super().__init__(f"column {column}: {message}")
        self.column = column
        named = _ROW.match(message)
        self.row = int(named[1]) if row is None and named else row

    def counted_from(self, first: int) -> ColumnError:
        """Return the error of a slice that starts at row ``first`` as one of the whole batch."""
        if self.row is None or first == 0:
            return self
        row = first + self.row
        text = str(self).removeprefix(f"column {self.column}: ")
        return ColumnError(self.column, _ROW.sub(f"row {row}", text, 1), row)


class RecordError(IllshellError, ValueError):
    """A packed record is damaged; ``offset`` is the byte of the buffer at which it starts."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(f"record at byte {offset}: {message}")
        self.offset = offset


class StreamError(IllshellError, OSError):
    """An input stream broke off; ``offset`` is the byte of the decompressed stream where.

    Of a columnar file ``row`` is the row up to which it could be read, and ``offset`` is 0.
    """

    def __init__(self, offset: int, message: str, *, row: int | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.row = row


class VersionMismatchError(IllshellError, ImportError):
    """illshell and illshell-ingest are installed in different versions."""


class MissingExtraError(IllshellError, ImportError):
    """A package that an extra of illshell brings is not installed; ``extra`` names it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed: pip install 'illshell[{extra}]'")
        self.extra = extra


class StateError(IllshellError, ValueError):
    """A snapshot holds no state that this version can take."""


class UnknownNameError(IllshellError, LookupError):
    """Nothing of this name is registered; ``names`` are those that are."""

    def __init__(self, kind: str, name: str, names: list[str]) -> None:
        from difflib import get_close_matches

        close = get_close_matches(name, names, 1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        super().__init__(f"unknown {kind} {name!r}{hint}; expected one of {', '.join(names)}")
        self.names = names


class DialectError(IllshellError, ValueError):
    """A dialect's file is wrong; ``file`` names it and ``where`` the place in it."""

    def __init__(self, file: str, where: str, reason: str) -> None:
        super().__init__(f"{file}: {where}: {reason}" if where else f"{file}: {reason}")
        self.file = file
        self.where = where
