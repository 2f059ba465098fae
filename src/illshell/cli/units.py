"""Numbers in the units that people read."""

from __future__ import annotations

_PREFIXES = ("", "k", "M", "G", "T", "P", "E")
_STEP = 1000
_MINUTE = 60


def scaled(number: float, unit: str) -> str:
    """Return three digits and a decimal prefix: ``98.7 MB``, ``1.20 M events``.

    A unit that is a word comes with a space before it.
    """
    for prefix in _PREFIXES:
        digits = f"{number:.0f}" if prefix == "" else _three_digits(number)
        if float(digits) < _STEP or prefix == _PREFIXES[-1]:
            break
        number /= _STEP
    return f"{digits} {prefix}{unit}".replace("  ", " ")


def rate(number: float, seconds: float, unit: str) -> str:
    """Return an amount in a time as an amount per second."""
    return scaled(number / max(seconds, 1e-9), unit) + "/s"


def plural(number: int, noun: str) -> str:
    """Count a noun: ``1 finding``, ``2,000 findings``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(seconds: float) -> str:
    """Return a time: ``0.123 s``, ``1:02 min``, ``1:02:03 h``."""
    if round(seconds) < _MINUTE:
        return f"{_three_digits(seconds)} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"


def _three_digits(number: float) -> str:
    text = f"{number:#.3g}"
    return f"{number:.0f}" if "e" in text else text.rstrip(".")
