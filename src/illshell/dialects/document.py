"""The tables of docs/dialects.md, made of the dialects' files.

    python -m illshell.dialects.document                      print them
    python -m illshell.dialects.document docs/dialects.md     write them into the document

They have every dialect that is installed, those of other packages too.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from illshell.dialects.describe import lacking
from illshell.dialects.loader import all_dialects
from illshell.model.fields import PLACED_FIELDS
from illshell.signatures.illegitimate_shell.names import (
    PATHNAME,
    PREV_COMM,
    SCHED_PROCESS_EXEC,
    SECURITY_BPRM_CHECK,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from illshell.dialects.dialect import Dialect, EventForm, Location

BEGIN: Final = "<!-- made by python -m illshell.dialects.document -->\n"
END: Final = "<!-- end of what it made -->\n"
NONE: Final = "\N{EN DASH}"

READ_BY_TRC_1016: Final = {
    SECURITY_BPRM_CHECK: ("comm", PATHNAME),
    SCHED_PROCESS_EXEC: ("comm", PREV_COMM),
}


def tables(dialects: Iterable[Dialect]) -> str:
    """Return the tables in Markdown."""
    chosen = tuple(dialects)
    parts = [_judged(chosen), _fields(chosen), *(_places(each) for each in chosen)]
    return "\n".join(parts)


def updated(document: str, dialects: Iterable[Dialect]) -> str:
    """Return the document with its tables made anew; ValueError where it has no place for them."""
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document needs the lines {BEGIN.strip()} and {END.strip()}")
    return f"{head}{BEGIN}\n{tables(dialects)}\n{END}{tail}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_escaped(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def _judged(dialects: Sequence[Dialect]) -> str:
    rows = []
    for each in dialects:
        names = list(dict.fromkeys(form.event for form in each.events if form.event is not None))
        judged = [
            name
            for name in names
            if name in READ_BY_TRC_1016 and not lacking(each, name, READ_BY_TRC_1016[name])
        ]
        others = [name for name in names if name not in judged]
        stand_ins = dict.fromkeys(
            location.stands_in
            for form in each.events
            for location in form.fields.get(PREV_COMM, ())
            if form.event in judged and location.stands_in is not None
        )
        rows.append(
            (
                f"`{each.name}`",
                f"{each.title}, {each.versions}",
                _code(judged),
                _code(others),
                "; ".join(filter(None, stand_ins)) or f"{NONE} (it is there)",
            )
        )
    head = ("dialect", "sensor", "events that TRC-1016 judges", "others", "in place of `prev_comm`")
    return "## Who judges what\n\n" + _table(head, rows)


def _fields(dialects: Sequence[Dialect]) -> str:
    rows = [
        (f"`{field.name}`", field.meaning, *(_cell(each, field.name) for each in dialects))
        for field in PLACED_FIELDS.values()
    ]
    head = ("field", "meaning", *(f"`{each.name}`" for each in dialects))
    return (
        "## What can be known of an exec\n\n"
        f"● the field itself, ◐ another value stands in for it, {NONE} it can't be known.\n\n"
        + _table(head, rows)
    )


def _cell(dialect: Dialect, field: str) -> str:
    places = [place for form in _execs(dialect) for place in form.fields.get(field, ())]
    if not places:
        return NONE
    return "◐" if all(place.stands_in for place in places) else "●"


def _execs(dialect: Dialect) -> list[EventForm]:
    return [form for form in dialect.events if form.event in ("exec", *READ_BY_TRC_1016)]


def _places(dialect: Dialect) -> str:
    rows = []
    for name in PLACED_FIELDS:
        places = dict.fromkeys(
            text
            for form in _execs(dialect)
            for place in form.fields.get(name, ())
            for text in _spelled(place)
        )
        missing = [
            f"`{value}`" if value != "" else '`""`' for value in dialect.missing.get(name, ())
        ]
        note = dialect.notes.get(name, "")
        if places or note:
            rows.append((f"`{name}`", "<br>".join(places) or NONE, " ".join(missing), note))
    head = ("field", "where it lies", "nothing is", "note")
    about = dialect.notes.get("events")
    text = f"### `{dialect.name}`: {dialect.title}, {dialect.versions}\n\n"
    return text + (f"{about[0].upper()}{about[1:]}.\n\n" if about else "") + _table(head, rows)


def _spelled(place: Location) -> Iterator[str]:
    """Yield the place as a cell; the spellings that follow from others are left out."""
    if place.path.text.startswith('"') and not place.path.text.startswith('"@'):
        return
    more = [place.unit, place.derive, "also in a string" if place.text_integer else None]
    text = ", ".join(filter(None, more))
    yield f"`{place.path}`" + (f" ({text})" if text else "")


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or NONE


def main(arguments: Sequence[str]) -> None:
    """Run the command line."""
    if not arguments:
        sys.stdout.write(tables(all_dialects()))
        return
    for name in arguments:
        path = Path(name)
        path.write_text(updated(path.read_text(encoding="utf-8"), all_dialects()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
