"""Lists of names as data: web servers, runtimes, helpers, shells, and programs that act as shells.

The project's own list is ``names.toml`` beside this module, which documents the form. A file of a
user's own has the same form and replaces the list of each kind that it holds.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from illshell.model.errors import IllshellError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST_NAME: Final = 15
"""Bytes of a comm without its final NUL."""

HOTSPOT_HEAD: Final = 7
"""Bytes that newer JDKs keep of the head of a thread's name that is too long, before ``..``."""

KINDS: Final = ("web_server", "runtime", "helper", "shell", "multi_call", "loader")
"""Kinds of lists, in the order of ``names.toml``."""

_KEYS: Final = frozenset({"name", "prefix", "why", "peers", "hotspot"})
_RUNTIME_KEYS: Final = _KEYS | {"by_start", "server_arguments", "value_options"}


class NameListError(IllshellError, ValueError):
    """A list of names can't be used; the text says which file and entry, and why."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name, or with ``is_prefix`` all names that begin with it.

    ``text``: 1 to 15 bytes as UTF-8, none of them NUL. ``why`` and ``peers`` document the choice.
    """

    text: str
    is_prefix: bool = False
    why: str = ""
    peers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        encoded = self.text.encode("utf-8", "surrogatepass")
        if not 1 <= len(encoded) <= LONGEST_NAME:
            raise ValueError(f"{self.text!r} has {len(encoded)} bytes; a comm holds 1 to 15")
        if b"\0" in encoded:
            raise ValueError(f"{self.text!r} holds a NUL byte")

    @classmethod
    def parse(cls, text: str, why: str = "") -> Name:
        """Read a name as options spell it: ``php-fpm*`` is a prefix, ``php-fpm`` is exact."""
        if text.endswith("*"):
            return cls(text[:-1], is_prefix=True, why=why)
        return cls(text, why=why)

    def matches(self, comm: str) -> bool:
        """Whether a comm is this name."""
        return comm.startswith(self.text) if self.is_prefix else comm == self.text

    def __str__(self) -> str:
        return self.text + "*" * self.is_prefix


@dataclass(frozen=True, slots=True)
class Runtime:
    """A program that runs web servers and everything else; ``names.toml`` states the rule.

    ``server_arguments``: patterns of arguments that name a server. ``value_options``: options that
    take the next word. ``by_start``: judge a task without arguments by what executed it.
    """

    name: Name
    by_start: bool = False
    server_arguments: tuple[str, ...] = ()
    value_options: frozenset[str] = frozenset()

    def runs_server(self, argv: Iterable[str]) -> bool:
        """Whether the arguments name a server."""
        options, program = self._command(list(argv)[1:])
        candidates = options
        if program:
            base = program[0].rpartition("/")[2]
            candidates = [*options, program[0], base]
            if len(program) > 1:
                candidates += [f"{program[0]} {program[1]}", f"{base} {program[1]}"]
        return any(
            _argument_matches(pattern, candidate)
            for pattern in self.server_arguments
            for candidate in candidates
        )

    def _command(self, words: list[str]) -> tuple[list[str], list[str]]:
        """Return the options in front of the program, and the program with its arguments."""
        options: list[str] = []
        index = 0
        while index < len(words):
            word = words[index]
            if not word.startswith("-"):
                return options, words[index:]
            options.append(word)
            index += 2 if word in self.value_options else 1
        return options, []


def _argument_matches(pattern: str, argument: str) -> bool:
    if pattern.endswith("*"):
        return argument.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return argument.endswith(pattern[1:])
    return argument == pattern


@dataclass(frozen=True, slots=True)
class NameLists:
    """Immutable lists of names, one of each kind.

    ``web_servers`` holds servers and the threads of servers. :meth:`default` is the project's own,
    :meth:`load` reads a file, :meth:`with_changes` applies options. Picklable.
    """

    web_servers: tuple[Name, ...]
    runtimes: tuple[Runtime, ...]
    helpers: tuple[Name, ...]
    shells: tuple[Name, ...]
    multi_calls: tuple[Name, ...]
    loaders: tuple[Name, ...]
    source: str = field(default="names.toml", compare=False)

    @staticmethod
    def default() -> NameLists:
        """Return the project's own lists."""
        return _default()

    @staticmethod
    def load(path: str | Path) -> NameLists:
        """Read a file; a kind that it does not hold stays the project's own.

        Raises NameListError for a file that can't be read, is no TOML (with line and column), or
        holds an entry that can't be used (with its kind and number).
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise NameListError(f"{path}: {error}") from error
        return _default()._with_tables(_tables(text, str(path)), str(path))

    def with_changes(self, changes: Iterable[tuple[str, str]]) -> NameLists:
        """Return lists with pairs of kind and change applied, in order.

        Kind is ``web_server`` or ``shell``. A change ``+NAME`` adds, ``-NAME`` removes; ``NAME``
        alone replaces the list, and further ones alone add to that. A ``*`` at the end makes a
        prefix. Raises NameListError for a name that no comm can have, and for the removal of a name
        that is not in the list.
        """
        lists: NameLists = self
        replaced: set[str] = set()
        for kind, change in changes:
            lists = lists._changed(kind, change, replaced)
        return lists

    def runtime_of(self, comm: str) -> Runtime | None:
        """Return the runtime of that name: the exact one, or the one with the longest prefix."""
        found = [runtime for runtime in self.runtimes if runtime.name.matches(comm)]
        return max(
            found,
            key=lambda runtime: (not runtime.name.is_prefix, len(runtime.name.text)),
            default=None,
        )

    def _changed(self, kind: str, change: str, replaced: set[str]) -> NameLists:
        if kind not in {"web_server", "shell"}:
            raise NameListError(f"names of kind {kind!r} can't be changed: web_server or shell")
        attribute = f"{kind}s"
        current: tuple[Name, ...] = getattr(self, attribute)
        sign = change[:1] if change[:1] in {"+", "-"} else ""
        try:
            name = Name.parse(change[len(sign) :], "added by an option")
        except ValueError as error:
            raise NameListError(f"{kind} {change!r}: {error}") from None
        others = tuple(entry for entry in current if str(entry) != str(name))
        if sign == "-":
            if len(others) == len(current):
                raise NameListError(f"{kind} {change!r}: {str(name)!r} is not in the list")
            changed = others
        elif sign or kind in replaced:
            changed = (*others, name)
        else:
            replaced.add(kind)
            changed = (name,)
        if not changed:
            raise NameListError(f"{kind} {change!r}: no name would be left")
        changes: dict[str, Any] = {attribute: changed}
        return replace(self, **changes)

    def _with_tables(self, tables: Mapping[str, Any], source: str) -> NameLists:
        changed: dict[str, Any] = {"source": source}
        for kind, entries in tables.items():
            if kind not in KINDS:
                raise NameListError(f"{source}: unknown kind {kind!r}; expected {', '.join(KINDS)}")
            if not isinstance(entries, list) or not entries:
                raise NameListError(f"{source}: {kind} must be a list: [[{kind}]]")
            read = [_entry(kind, number, entry, source) for number, entry in enumerate(entries, 1)]
            # Two of HotSpot's prefixes may be one: http-nio- and http-nio2- are both http-ni..
            unique = {str(getattr(name, "name", name)): name for names in read for name in names}
            changed[f"{kind}s"] = tuple(unique.values())
        return replace(self, **changed)


@cache
def _default() -> NameLists:
    source = files("illshell.signatures") / "names.toml"
    nothing: tuple[Any, ...] = ()
    empty = NameLists(nothing, nothing, nothing, nothing, nothing, nothing)
    tables = _tables(source.read_text(encoding="utf-8"), "names.toml")
    return empty._with_tables(tables, "names.toml")


def _tables(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NameListError(f"{source}: {error}") from None


def _entry(kind: str, number: int, entry: Any, source: str) -> list[Name] | list[Runtime]:
    """Read one entry; a prefix of HotSpot's thread names makes two names."""
    try:
        if not isinstance(entry, dict):
            raise ValueError("it is no table")
        _check_keys(entry, _RUNTIME_KEYS if kind == "runtime" else _KEYS)
        names = _names(entry)
        if kind != "runtime":
            return names
        return [
            Runtime(
                name,
                _boolean(entry, "by_start"),
                _texts(entry, "server_arguments"),
                frozenset(_texts(entry, "value_options")),
            )
            for name in names
        ]
    except ValueError as error:
        raise NameListError(f"{source}: {kind} entry {number}: {error}") from None


def _names(entry: Mapping[str, Any]) -> list[Name]:
    if ("name" in entry) == ("prefix" in entry):
        raise ValueError("it needs either name or prefix")
    is_prefix = "prefix" in entry
    text, why = entry["prefix" if is_prefix else "name"], entry.get("why")
    if not isinstance(text, str):
        raise ValueError(f"{'prefix' if is_prefix else 'name'} must be a string")
    if not isinstance(why, str) or not why:
        raise ValueError(f"{text!r} needs a why")
    peers = _texts(entry, "peers")
    names = [Name(text, is_prefix, why, peers)]
    if _boolean(entry, "hotspot"):
        if not is_prefix:
            raise ValueError(f"{text!r}: hotspot is for a prefix")
        names.append(Name(text[:HOTSPOT_HEAD] + "..", is_prefix, why, peers))
    return names


def _check_keys(entry: Mapping[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(set(entry) - known)
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}; expected {', '.join(sorted(known))}")


def _texts(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(text, str) and text for text in value):
        raise ValueError(f"{key} must be a list of strings")
    return tuple(value)


def _boolean(entry: Mapping[str, Any], key: str) -> bool:
    value = entry.get(key, False)
    if not isinstance(value, bool):
        raise ValueError(f"{key} must be true or false")
    return value
