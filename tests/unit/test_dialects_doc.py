"""docs/dialects.md: its tables are what the commands print, its example is a sound file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import write_dialects

from illshell.dialects.document import main, tables, updated
from illshell.dialects.installed import BUILT_IN
from illshell.dialects.loader import choose_dialects, parse_dialect
from illshell.model.fields import PLACED_FIELDS

DOCS = Path(__file__).resolve().parents[2] / "docs"
DOCUMENT = (DOCS / "dialects.md").read_text()


def test_the_tables_are_current() -> None:
    assert updated(DOCUMENT, choose_dialects(BUILT_IN)) == DOCUMENT, (
        "run python -m illshell.dialects.document docs/dialects.md"
    )


def test_the_table_of_the_capture_is_current() -> None:
    assert write_dialects.table() in DOCUMENT


def test_the_command_prints_and_updates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    printed = capsys.readouterr().out
    assert printed == tables(choose_dialects(BUILT_IN))
    old = tmp_path / "dialects.md"
    old.write_text(
        re.sub(r"(document -->\n).*(<!-- end of what)", r"\1\2", DOCUMENT, flags=re.DOTALL)
    )
    assert old.read_text() != DOCUMENT
    main([str(old)])
    assert old.read_text() == DOCUMENT


def test_a_document_without_a_place_for_them_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        updated("nothing", [])


def test_the_example_of_a_dialect_is_sound() -> None:
    (example,) = re.findall(r"```toml\n# acme\.toml\n(.*?)```", DOCUMENT, re.DOTALL)
    dialect = parse_dialect(example, "acme.toml")
    line = {"kind": "process_start", "process": {"exe": "/bin/sh"}, "parent": {"exe": "/x/nginx"}}
    assert dialect.event_of(line) is not None


def test_the_falco_rule_prints_what_is_read() -> None:
    rule = (DOCS / "falco" / "illshell_rules.yaml").read_text()
    printed = set(re.findall(r"%([a-z0-9_.]+)", rule))
    (falco,) = choose_dialects(["falco"])
    read = {
        name: [
            step.name
            for place in places
            for step in place.path.steps
            if getattr(step, "name", "output_fields") != "output_fields"
        ]
        for form in falco.events
        for name, places in form.fields.items()
    }
    for name, keys in read.items():
        assert printed & set(keys), f"{name}: the rule prints none of {keys}"
    asked = {condition.path.steps[-1].name for form in falco.events for condition in form.when}
    assert printed == asked | (printed & {key for keys in read.values() for key in keys})
    assert set(read) <= set(PLACED_FIELDS)


@pytest.mark.parametrize("name", [*write_dialects.WRITERS, "tracee"])
def test_the_script_writes_each_dialect(name: str, tmp_path: Path) -> None:
    write_dialects.main([str(tmp_path / "out")])
    assert (tmp_path / "out" / f"{name}.jsonl").read_bytes() == write_dialects.written(name)
