"""From a JSON value to a field's value: kinds, units of time, derivations.

Each function returns None where the value can't be had: a wrong type, out of range, malformed.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

COMM_BYTES: Final = 15
"""Bytes that the kernel keeps of a task's name."""

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

UNITS: Final[Mapping[str, int]] = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}
"""Units of a time that is a number, in nanoseconds."""

TEXT_UNITS: Final = ("rfc3339", "audit")
"""Forms of a time that is a string: RFC 3339, and the ``SECONDS.MS:SERIAL`` of Linux audit."""

_INTEGER = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
_AUDIT = re.compile(r"(\d{1,12})\.(\d{3}):\d+", re.ASCII)
_DEVICE = re.compile(r"([0-9a-f]{1,3}):([0-9a-f]{1,5})", re.ASCII | re.IGNORECASE)
_DAYS_TO_1970 = date(1970, 1, 1).toordinal()

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3


def as_text(value: Any) -> str | None:
    """Return a string as it is, and an array of strings joined by blanks."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    return None


def as_integer(value: Any, *, text: bool = False) -> int | None:
    """Return an integer of 64 bits; with ``text`` also one that a string spells."""
    if text and isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and INT64_MIN <= value <= INT64_MAX:
        return value
    return None


def as_bool(value: Any) -> bool | None:
    """Return a boolean as it is."""
    return value if isinstance(value, bool) else None


def as_time(value: Any, unit: str, *, text: bool = False) -> int | None:
    """Return a point in time as nanoseconds since 1970."""
    if unit in UNITS:
        number = as_integer(value, text=text)
        return None if number is None else as_integer(number * UNITS[unit])
    if not isinstance(value, str):
        return None
    return _rfc3339(value) if unit == "rfc3339" else _audit(value)


def _rfc3339(text: str) -> int | None:
    found = _RFC3339.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.group(1, 2, 3, 4, 5, 6))
    fraction, sign, offset_hours, offset_minutes = found.group(7, 8, 9, 10)
    # A leap second is the first of the next minute, as in Unix time.
    if hour > 23 or minute > 59 or second > 60:
        return None
    try:
        days = date(year, month, day).toordinal() - _DAYS_TO_1970
    except ValueError:
        return None
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
    if sign is not None:
        if int(offset_hours) > 23 or int(offset_minutes) > 59:
            return None
        offset = (int(offset_hours) * 60 + int(offset_minutes)) * 60
        seconds -= offset if sign == "+" else -offset
    nanoseconds = int((fraction or "0")[:9].ljust(9, "0"))
    return as_integer(seconds * 10**9 + nanoseconds)


def _audit(text: str) -> int | None:
    found = _AUDIT.fullmatch(text)
    return None if found is None else as_integer(int(found[1] + found[2]) * 10**6)


def basename(path: str) -> str | None:
    """Return a file's name as the kernel would make a comm of it: at most 15 bytes.

    A character that would be cut in two is left out.
    """
    name = path.rpartition("/")[2].encode("utf-8", "surrogatepass")[:COMM_BYTES]
    return name.decode("utf-8", "ignore") or None


def hash64(text: str) -> int:
    """Return FNV-1a of the UTF-8 bytes as a signed integer of 64 bits."""
    value = _FNV_OFFSET
    for byte in text.encode("utf-8", "surrogatepass"):
        value = (value ^ byte) * _FNV_PRIME & 0xFFFFFFFFFFFFFFFF
    return value - 2**64 if value > INT64_MAX else value


def device(text: str) -> int | None:
    """Return the number of a device that is written ``MAJOR:MINOR`` in hexadecimal."""
    found = _DEVICE.fullmatch(text)
    return None if found is None else int(found[1], 16) << 20 | int(found[2], 16)


def container_id(text: str) -> str | None:
    """Return a container's id without the runtime before it (``containerd://``)."""
    return text.rpartition("://")[2] or None


DERIVATIONS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "basename": ("text", basename),
    "hash64": ("int64", hash64),
    "device": ("int64", device),
    "container_id": ("text", container_id),
}
"""What can be derived from a string: name, kind of the result, function."""
