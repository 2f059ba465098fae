"""Paths into decoded JSON: how a dialect says where a field lies.

A path is a chain of object keys with dots between them. A key may be quoted (``"proc.name"``) and
be followed by ``[N]`` for the element N of an array, by ``[name=pathname]`` for the first element
whose member ``name`` is the string ``pathname``, or, at the path's end, by ``[]`` for the whole
array.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from typing import TypeAlias

GRAMMAR: Final = 'key.key, "key.with.dots", key[0], key[member=text], key[] at the end'

_KEY = re.compile(r'"(?P<quoted>[^"]+)"|(?P<bare>[^.\[\]"=\s]+)')
_BRACKET = re.compile(
    r'\[(?:(?P<index>[0-9]{1,9})|(?P<member>[^.\[\]"=\s]+)=(?P<value>[^\[\]]*)|(?P<whole>))\]'
)


class PathSyntaxError(ValueError):
    """A text is no path; the message says why and at which character."""


@dataclass(frozen=True, slots=True)
class Key:
    """Step to the value of an object's key."""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """Step to an array's element by number, from 0."""

    number: int


@dataclass(frozen=True, slots=True)
class Element:
    """Step to the first element of an array whose ``member`` is the string ``value``.

    An element before it that is no object ends the search without a result.
    """

    member: str
    value: str


@dataclass(frozen=True, slots=True)
class Whole:
    """Step that takes an array as a whole; always the last one."""


if TYPE_CHECKING:
    Step: TypeAlias = Key | Index | Element | Whole


@dataclass(frozen=True, slots=True)
class Path:
    """A path, as text and as steps."""

    text: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return self.text

    @property
    def is_whole(self) -> bool:
        """Whether the path ends in ``[]``."""
        return isinstance(self.steps[-1], Whole)


class Absent:
    """The type of :data:`ABSENT`."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()
"""What a path leads to where nothing is there."""


def parse_path(text: str) -> Path:
    """Return the path that a text spells; PathSyntaxError where it spells none."""
    steps: list[Step] = []
    at = 0
    while True:
        key = _KEY.match(text, at)
        if key is None:
            raise _error(text, at, "a key is missing")
        steps.append(Key(key["quoted"] or key["bare"]))
        at = key.end()
        while at < len(text) and text[at] == "[":
            bracket = _BRACKET.match(text, at)
            if bracket is None:
                raise _error(text, at, "expected [N], [member=text] or []")
            steps.append(_bracket_step(bracket))
            at = bracket.end()
            if bracket["whole"] is not None and at < len(text):
                raise _error(text, at, "[] must end the path")
        if at == len(text):
            return Path(text, tuple(steps))
        if text[at] != ".":
            raise _error(text, at, "expected a dot or a bracket")
        at += 1


def _bracket_step(bracket: re.Match[str]) -> Step:
    if bracket["index"] is not None:
        return Index(int(bracket["index"]))
    if bracket["member"] is not None:
        return Element(bracket["member"], bracket["value"])
    return Whole()


def _error(text: str, at: int, reason: str) -> PathSyntaxError:
    return PathSyntaxError(f"path {text!r}: {reason} at character {at + 1}; paths are {GRAMMAR}")


def dotted(path: Path) -> Path:
    """Return the path as flat JSON has it: its leading keys are one key with dots.

    ``process.parent.pid`` becomes ``"process.parent.pid"``.
    """
    leading = 0
    while leading < len(path.steps) and isinstance(path.steps[leading], Key):
        leading += 1
    name = ".".join(step.name for step in path.steps[:leading] if isinstance(step, Key))
    return path if leading == 1 else path_of((Key(name), *path.steps[leading:]))


def with_step(path: Path, step: Step) -> Path:
    """Return the path with one more step."""
    return path_of((*path.steps, step))


def path_of(steps: tuple[Step, ...]) -> Path:
    """Return the path that has these steps, the first of which is a key."""
    text = ""
    for step in steps:
        match step:
            case Key(name):
                bare = _KEY.fullmatch(name) is not None and not name.startswith('"')
                text += ("." if text else "") + (name if bare else f'"{name}"')
            case Index(number):
                text += f"[{number}]"
            case Element(member, value):
                text += f"[{member}={value}]"
            case Whole():
                text += "[]"
    return Path(text, steps)


def resolve(value: Any, path: Path) -> Any:
    """Return what the path leads to in decoded JSON, ABSENT where nothing is or a null."""
    for step in path.steps:
        match step:
            case Key(name):
                value = value.get(name, ABSENT) if isinstance(value, dict) else ABSENT
            case Index(number):
                inside = isinstance(value, list) and number < len(value)
                value = value[number] if inside else ABSENT
            case Element(member, wanted):
                value = _element(value, member, wanted)
            case Whole():
                value = value if isinstance(value, list) else ABSENT
        if value is ABSENT:
            return ABSENT
    return ABSENT if value is None else value


def _element(array: Any, member: str, wanted: str) -> Any:
    if not isinstance(array, list):
        return ABSENT
    for element in array:
        if not isinstance(element, dict):
            return ABSENT
        if element.get(member) == wanted:
            return element
    return ABSENT
