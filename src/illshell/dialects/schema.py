"""The schema of a dialect's TOML, and the dialect that a document makes.

Keys are a closed set. An error names the file, the place in it, what is wrong and what is allowed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import get_close_matches
from itertools import product
from typing import TYPE_CHECKING, Any, Final, NoReturn

from illshell.dialects.conversion import DERIVATIONS, TEXT_UNITS, UNITS
from illshell.dialects.dialect import Condition, Dialect, EventForm, Location
from illshell.dialects.paths import (
    Index,
    Key,
    Path,
    PathSyntaxError,
    Whole,
    dotted,
    parse_path,
    with_step,
)
from illshell.model.errors import DialectError
from illshell.model.fields import PLACED_FIELDS, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from illshell.dialects.dialect import Scalar

NAME: Final = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
EVENT: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
NEEDLE: Final = re.compile(r'"?[0-9A-Za-z_.:-]{3,}"?', re.ASCII)
"""What a needle may be: a quote stands for JSON's own, and the rest is spelled by itself or by
``\\u00XX`` and in no other way.
"""

_DOCUMENT = (
    "name",
    "title",
    "versions",
    "source",
    "dotted_keys",
    "marks",
    "events",
    "fields",
    "missing",
    "default",
    "notes",
)
_EVENT = ("event", "skip", "needles", "when", "fields")
_CONDITION = ("path", "values", "array")
_LOCATION = ("path", "unit", "text_integer", "derive", "stands_in")
_TYPES: Final[Mapping[type, str]] = {
    str: "a string",
    bool: "true or false",
    list: "an array",
    dict: "a table",
}


class DialectParser:
    """Makes a :class:`Dialect` of a decoded TOML document; DialectError where it is none."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._dotted = False

    def parse(self, document: Mapping[str, Any]) -> Dialect:
        """Return the dialect that the document describes."""
        self._check_keys(document, "", _DOCUMENT)
        name = self._text(document, "", "name")
        if not NAME.fullmatch(name):
            self._fail("name", f"{name!r} is none; use lower-case letters, digits and -")
        self._dotted = self._get(document, "", "dotted_keys", bool, default=False)
        fields = self._fields(self._get(document, "", "fields", dict), "fields")
        events = self._get(document, "", "events", list)
        if not events:
            self._fail("events", "there must be at least one [[events]]")
        marks = self._get(document, "", "marks", list)
        return Dialect(
            name=name,
            title=self._text(document, "", "title"),
            versions=self._text(document, "", "versions"),
            source=self._text(document, "", "source"),
            marks=tuple(
                group for at, mark in enumerate(marks) for group in self._mark(mark, f"marks[{at}]")
            ),
            events=tuple(
                form
                for at, event in enumerate(events)
                for form in self._event(event, f"events[{at}]", fields)
            ),
            missing=self._missing(self._get(document, "", "missing", dict, default={})),
            default=self._default(self._get(document, "", "default", dict, default={})),
            notes=self._notes(self._get(document, "", "notes", dict, default={})),
            origin=self._file,
        )

    def _event(
        self, event: Any, where: str, fields: dict[str, tuple[Location, ...]]
    ) -> Iterable[EventForm]:
        self._check_type(event, where, dict)
        self._check_keys(event, where, _EVENT)
        skip = self._get(event, where, "skip", bool, default=False)
        if skip == ("event" in event):
            self._fail(where, "give either event = NAME or skip = true")
        name = None
        needles: tuple[str, ...] = ()
        if not skip:
            name = self._text(event, where, "event")
            if not EVENT.fullmatch(name):
                self._fail(f"{where}.event", f"{name!r} is no name of an event")
            needles = self._needles(event, where)
        own = self._fields(self._get(event, where, "fields", dict, default={}), f"{where}.fields")
        effective = {key: places for key, places in (fields | own).items() if places}
        when = self._get(event, where, "when", list)
        if not when:
            self._fail(f"{where}.when", "there must be at least one condition")
        spellings = [self._condition(each, f"{where}.when[{at}]") for at, each in enumerate(when)]
        for conditions in product(*spellings):
            if not skip and not any(_spells(each, needles) for each in conditions):
                self._fail(
                    f"{where}.needles",
                    "a line may meet the conditions and hold none of them; a needle must be part "
                    "of a key of a condition's path, or of each of its values",
                )
            yield EventForm(name, conditions, needles, effective)

    def _needles(self, event: Mapping[str, Any], where: str) -> tuple[str, ...]:
        needles = self._get(event, where, "needles", list)
        for needle in needles:
            if not isinstance(needle, str) or not NEEDLE.fullmatch(needle):
                self._fail(
                    f"{where}.needles",
                    f"{needle!r} is none; use 3 or more of the characters 0-9 A-Z a-z _ . : -, "
                    "with a \" before or after them for JSON's own quote",
                )
        return tuple(needles)

    def _mark(self, mark: Any, where: str) -> Iterable[tuple[Condition, ...]]:
        self._check_type(mark, where, list)
        if not mark:
            self._fail(where, "there must be at least one path")
        paths = [self._path(text, where) for text in mark]
        return product(*([Condition(each) for each in self._spellings(path)] for path in paths))

    def _condition(self, condition: Any, where: str) -> list[Condition]:
        self._check_type(condition, where, dict)
        self._check_keys(condition, where, _CONDITION)
        path = self._path(self._text(condition, where, "path"), f"{where}.path")
        values = self._get(condition, where, "values", list, default=None)
        if values is None:
            if path.is_whole or "array" in condition:
                self._fail(where, "values are missing")
            return [Condition(each) for each in self._spellings(path)]
        chosen = self._scalars(values, f"{where}.values")
        paths = self._spellings(path)
        if self._get(condition, where, "array", bool, default=False):
            if path.is_whole:
                self._fail(where, "array = true is for a path that does not end in []")
            paths += [with_step(each, Whole()) for each in paths]
        return [Condition(each, chosen) for each in paths]

    def _fields(self, fields: Any, where: str) -> dict[str, tuple[Location, ...]]:
        self._check_type(fields, where, dict)
        self._check_keys(fields, where, tuple(PLACED_FIELDS), what="field")
        placed = {}
        for name, places in fields.items():
            entries = places if isinstance(places, list) else [places]
            place = f"{where}.{name}"
            placed[name] = tuple(
                spelled for entry in entries for spelled in self._locations(entry, name, place)
            )
        return placed

    def _locations(self, entry: Any, field: str, where: str) -> Iterable[Location]:
        if isinstance(entry, str):
            entry = {"path": entry}
        self._check_type(entry, where, dict, also="a path")
        self._check_keys(entry, where, _LOCATION)
        path = self._path(self._text(entry, where, "path"), where)
        location = Location(
            path,
            unit=self._get(entry, where, "unit", str, default=None),
            text_integer=self._get(entry, where, "text_integer", bool, default=False),
            derive=self._get(entry, where, "derive", str, default=None),
            stands_in=self._get(entry, where, "stands_in", str, default=None),
        )
        self._check_location(location, field, where)
        spellings = self._spellings(path)
        if self._dotted and not path.is_whole:
            # Exports that write keys flat write a scalar as an array of one element, too.
            spellings.insert(len(spellings) - 1, with_step(spellings[-1], Index(0)))
        return [replace(location, path=spelling) for spelling in spellings]

    def _check_location(self, location: Location, field: str, where: str) -> None:
        kind = kind_of(field)
        units = (*UNITS, *TEXT_UNITS)
        if kind == "time" and location.unit not in units:
            self._fail(where, f"a time needs a unit: {', '.join(units)}; not {location.unit!r}")
        if kind != "time" and location.unit is not None:
            self._fail(where, f"{field} is of kind {kind}; only a time has a unit")
        if location.derive is not None:
            if location.derive not in DERIVATIONS:
                self._fail(
                    where, f"unknown derivation {location.derive!r}; {_allowed(DERIVATIONS)}"
                )
            made = DERIVATIONS[location.derive][0]
            if made != kind:
                self._fail(where, f"{location.derive} makes {made}, and {field} is of kind {kind}")
        if location.text_integer and (kind not in ("int64", "time") or location.derive is not None):
            self._fail(where, f"text_integer is for integers; {field} is of kind {kind}")
        if location.path.is_whole and (kind != "text" or location.derive is not None):
            self._fail(where, f"a path that ends in [] yields text, which {field} is not")

    def _spellings(self, path: Path) -> list[Path]:
        """Return the path, and its flat spelling where the dialect may have that."""
        return list(dict.fromkeys([path, dotted(path)])) if self._dotted else [path]

    def _missing(self, missing: Mapping[str, Any]) -> dict[str, tuple[Scalar, ...]]:
        self._check_keys(missing, "missing", tuple(PLACED_FIELDS), what="field")
        return {
            name: self._scalars(values, f"missing.{name}", kind=kind_of(name))
            for name, values in missing.items()
        }

    def _default(self, default: Mapping[str, Any]) -> dict[str, str]:
        texts = tuple(name for name in PLACED_FIELDS if kind_of(name) == "text")
        self._check_keys(default, "default", texts, what="field of kind text")
        for name, text in default.items():
            self._check_type(text, f"default.{name}", str)
        return dict(default)

    def _scalars(self, values: Any, where: str, kind: str | None = None) -> tuple[Scalar, ...]:
        self._check_type(values, where, list)
        types = {"text": (str,), "int64": (int,), "time": (int,), "bool": (bool,)}
        wanted = (str, int, bool) if kind is None else types[kind]
        for value in values:
            if type(value) not in wanted:
                names = ", ".join("integer" if each is int else each.__name__ for each in wanted)
                self._fail(where, f"{value!r} is of a wrong type; allowed: {names}")
        return tuple(values)

    def _notes(self, notes: Mapping[str, Any]) -> dict[str, str]:
        self._check_keys(notes, "notes", (*PLACED_FIELDS, "events"), what="field")
        return {name: self._text(notes, "notes", name) for name in notes}

    def _path(self, text: Any, where: str) -> Path:
        self._check_type(text, where, str)
        try:
            return parse_path(text)
        except PathSyntaxError as error:
            self._fail(where, str(error))

    def _text(self, table: Mapping[str, Any], where: str, key: str) -> str:
        text: str = self._get(table, where, key, str)
        if not text.strip():
            self._fail(_join(where, key), "is empty")
        return text

    def _get(
        self, table: Mapping[str, Any], where: str, key: str, kind: type, **default: Any
    ) -> Any:
        if key not in table:
            if "default" in default:
                return default["default"]
            self._fail(where, f"{key} is missing")
        self._check_type(table[key], _join(where, key), kind)
        return table[key]

    def _check_type(self, value: Any, where: str, kind: type, also: str | None = None) -> None:
        if type(value) is not kind:
            wanted = _TYPES[kind] if also is None else f"{also} or {_TYPES[kind]}"
            self._fail(where, f"expected {wanted}, found {value!r}")

    def _check_keys(
        self, table: Mapping[str, Any], where: str, allowed: Sequence[str], what: str = "key"
    ) -> None:
        for key in table:
            if key not in allowed:
                close = get_close_matches(key, allowed, 1)
                hint = f"; did you mean {close[0]}?" if close else f"; {_allowed(allowed)}"
                self._fail(where, f"unknown {what} {key!r}{hint}")

    def _fail(self, where: str, reason: str) -> NoReturn:
        raise DialectError(self._file, where, reason)


def _spells(condition: Condition, needles: Sequence[str]) -> bool:
    """Whether every line that meets the condition holds a needle, but for escapes."""
    keys = [f'"{step.name}"' for step in condition.path.steps if isinstance(step, Key)]
    if any(needle in key for needle in needles for key in keys):
        return True
    if not condition.values or any(isinstance(value, bool) for value in condition.values):
        return False
    spelled = [f'"{value}"' if isinstance(value, str) else f"{value}" for value in condition.values]
    return all(any(needle in text for needle in needles) for text in spelled)


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _allowed(names: Iterable[str]) -> str:
    return f"allowed: {', '.join(names)}"
