"""Where dialects come from: the files of this package, and those of installed ones.

Another package adds a dialect by an entry point of the group ``illshell.dialects``, whose name is
the dialect's and whose value is a package that holds ``NAME.toml``::

    [project.entry-points."illshell.dialects"]
    acme = "acme_sensor"
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from illshell.dialects.installed import BUILT_IN, added_entry_points
from illshell.dialects.schema import DialectParser
from illshell.model.errors import DialectError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.resources.abc import Traversable

    from illshell.dialects.dialect import Dialect


def parse_dialect(text: str, file: str) -> Dialect:
    """Return the dialect of a TOML text; DialectError, with ``file`` in it, where it is wrong."""
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DialectError(file, "", f"no TOML: {error}") from None
    return DialectParser(file).parse(document)


def load_dialect(file: Traversable) -> Dialect:
    """Read a dialect's file; DialectError where it can't be read or is wrong."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DialectError(str(file), "", f"can't be read: {error}") from None
    dialect = parse_dialect(text, str(file))
    stem = file.name.removesuffix(".toml")
    if dialect.name != stem:
        raise DialectError(str(file), "name", f"{dialect.name!r} must be the file's, {stem!r}")
    return dialect


@cache
def all_dialects() -> tuple[Dialect, ...]:
    """Return every dialect, in the order in which a line is tried: this package's come first.

    DialectError names the file of one that is wrong, or the second of two with one name.
    """
    folder = Path(__file__).parent
    found = [load_dialect(folder / f"{name}.toml") for name in BUILT_IN]
    for dialect in _added():
        if any(dialect.name == other.name for other in found):
            raise DialectError(dialect.origin, "name", f"there is another dialect {dialect.name!r}")
        found.append(dialect)
    return tuple(found)


def _added() -> Iterator[Dialect]:
    """Yield the dialects of other packages, by name."""
    from importlib import resources

    for entry in added_entry_points():
        try:
            folder = resources.files(entry.value)
        except (ImportError, TypeError, ValueError) as error:
            raise DialectError(f"entry point {entry.name}", "", str(error)) from None
        yield load_dialect(folder / f"{entry.name}.toml")


def choose_dialects(names: Iterable[str]) -> tuple[Dialect, ...]:
    """Return the dialects of these names; ValueError for a name that none has."""
    known = {dialect.name: dialect for dialect in all_dialects()}
    wanted = dict.fromkeys(names)
    for name in wanted:
        if name not in known:
            raise ValueError(f"unknown dialect {name!r}; there are {', '.join(known)}")
    return tuple(dialect for name, dialect in known.items() if name in wanted)
