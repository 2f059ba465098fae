"""The dialects of illshell itself, compiled: what a start needs of them, without their TOML files.

    python -m illshell.dialects.compiled    write compiled.json anew, after a file changed

The result is that of :func:`illshell.dialects.projection.compile_projection`, several times faster.
"""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from illshell.dialects.installed import others_may_add
from illshell.model.fields import column_kinds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from illshell.dialects.dialect import Dialect

FILE: Final = Path(__file__).with_name("compiled.json")


def projection_dict(
    fields: Sequence[str],
    events: Iterable[str] | None = None,
    names: Iterable[str] | None = None,
) -> dict[str, Any]:
    """Return the projection in the form that the Rust reader takes.

    ``fields`` and ``events`` as for ``compile_projection``; ``names``: which dialects, None for
    all, those of other packages too. ValueError for a field or a dialect that there is not.
    """
    chosen = None if names is None else frozenset(names)
    compiled = json.loads(FILE.read_bytes())
    known = {dialect["name"] for dialect in compiled}
    if others_may_add() if chosen is None else chosen - known:
        from illshell.dialects.loader import all_dialects, choose_dialects
        from illshell.dialects.projection import compile_projection

        dialects = all_dialects() if chosen is None else choose_dialects(chosen)
        return compile_projection(dialects, fields, events).to_dict()
    kinds = column_kinds(fields)
    wanted = None if events is None else frozenset(events)
    return {
        "columns": [{"name": name, "kind": kind} for name, kind in kinds.items()],
        "dialects": [
            part
            for dialect in compiled
            if chosen is None or dialect["name"] in chosen
            for part in _project(dialect, kinds, wanted)
        ],
    }


def _project(
    dialect: dict[str, Any], columns: Iterable[str], wanted: frozenset[str] | None
) -> Iterator[dict[str, Any]]:
    events = [
        event
        for event in dialect["events"]
        if event["event"] is None or wanted is None or event["event"] in wanted
    ]
    while events and events[-1]["event"] is None:
        events.pop()

    def places(event: dict[str, Any]) -> dict[str, Any]:
        fields = dialect["fields"][event["fields"]]
        return {name: fields[name] for name in columns if name in fields}

    for fields, group in groupby(events, places):
        alike = list(group)
        yield {
            "name": dialect["name"],
            "needles": list(dict.fromkeys(n for event in alike for n in event["needles"])),
            "events": [{"event": event["event"], "when": event["when"]} for event in alike],
            "fields": fields,
            "missing": {n: dialect["missing"][n] for n in fields if n in dialect["missing"]},
            "default": {n: dialect["default"][n] for n in fields if n in dialect["default"]},
        }


def compile_dialects(dialects: Iterable[Dialect]) -> str:
    """Return the text of compiled.json."""
    lines = [json.dumps(_compile(dialect), separators=(",", ":")) for dialect in dialects]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def _compile(dialect: Dialect) -> dict[str, Any]:
    from illshell.dialects.projection import condition_dict, location_form

    fields: list[dict[str, Any]] = []
    events = []
    for form in dialect.events:
        placed = {name: [location_form(p) for p in places] for name, places in form.fields.items()}
        if placed not in fields:
            fields.append(placed)
        events.append(
            {
                "event": form.event,
                "needles": list(form.needles),
                "when": [condition_dict(condition) for condition in form.when],
                "fields": fields.index(placed),
            }
        )
    return {
        "name": dialect.name,
        "events": events,
        "fields": fields,
        "missing": {name: list(values) for name, values in dialect.missing.items()},
        "default": dict(dialect.default),
    }


if __name__ == "__main__":
    from illshell.dialects.installed import BUILT_IN
    from illshell.dialects.loader import choose_dialects

    FILE.write_text(compile_dialects(choose_dialects(BUILT_IN)), encoding="utf-8")
