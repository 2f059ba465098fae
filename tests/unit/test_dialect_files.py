"""Dialects' files: what is refused and how, and where they come from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from illshell.dialects import loader
from illshell.dialects.compiled import projection_dict
from illshell.dialects.installed import BUILT_IN, dialect_names, others_may_add
from illshell.dialects.loader import (
    all_dialects,
    choose_dialects,
    load_dialect,
    parse_dialect,
)
from illshell.model.errors import DialectError

GOOD = """\
name = "acme"
title = "Acme"
versions = "1"
source = "acme"
marks = [["acme"]]

[[events]]
event = "exec"
needles = ['"acme_exec"']
when = [{ path = "kind", values = ["acme_exec"] }]

[fields]
pid = "pid"
time = { path = "at", unit = "ms" }
comm = ["name", { path = "exe", derive = "basename", stands_in = "file name" }]

[missing]
comm = ["-"]

[notes]
comm = "of the file"
"""


def test_a_sound_file() -> None:
    dialect = parse_dialect(GOOD, "acme.toml")
    assert (dialect.name, dialect.origin) == ("acme", "acme.toml")
    (form,) = dialect.events
    assert form.event == "exec"
    assert [str(each.path) for each in form.fields["comm"]] == ["name", "exe"]
    assert form.fields["comm"][1].stands_in == "file name"


@pytest.mark.parametrize(
    ("old", "new", "where", "reason"),
    [
        ('name = "acme"', 'name = "Acme"', "name", "lower-case letters"),
        ('name = "acme"', "", "", "name is missing"),
        ('title = "Acme"', 'title = " "', "title", "is empty"),
        ('title = "Acme"', "title = 5", "title", "expected a string, found 5"),
        ('source = "acme"', 'sauce = "acme"', "", "unknown key 'sauce'; did you mean source?"),
        ('source = "acme"', 'source = "acme"\nzzz = 1', "", "allowed: name, title"),
        ('marks = [["acme"]]', "marks = [[]]", "marks[0]", "at least one path"),
        ('marks = [["acme"]]', 'marks = ["acme"]', "marks[0]", "expected an array"),
        ('event = "exec"', 'event = "Exec!"', "events[0].event", "no name of an event"),
        ('event = "exec"', "", "events[0]", "either event = NAME or skip = true"),
        ('event = "exec"', 'event = "exec"\nskip = true', "events[0]", "either event = NAME or"),
        ("""['"acme_exec"']""", "[]", "events[0].needles", "hold none of them"),
        ("""['"acme_exec"']""", "['other']", "events[0].needles", "hold none of them"),
        ("""['"acme_exec"']""", "['a*b*c']", "events[0].needles", "3 or more of the characters"),
        ("""['"acme_exec"']""", "['ab']", "events[0].needles", "3 or more of the characters"),
        ("""['"acme_exec"']""", "[5]", "events[0].needles", "3 or more of the characters"),
        ('values = ["acme_exec"]', "values = [1.5]", "events[0].when[0].values", "wrong type"),
        ('values = ["acme_exec"]', "value = 5", "events[0].when[0]", "did you mean values?"),
        ('path = "kind"', 'path = "kind["', "events[0].when[0].path", "at character 5; paths are"),
        ('path = "kind", ', "", "events[0].when[0]", "path is missing"),
        ('{ path = "kind", values = ["acme_exec"] }', "", "events[0].when", "at least one cond"),
        ('pid = "pid"', 'pit = "pid"', "fields", "unknown field 'pit'; did you mean pid?"),
        ('pid = "pid"', "pid = 5", "fields.pid", "expected a path or a table, found 5"),
        ('pid = "pid"', 'pid = "p[]"', "fields.pid", "a path that ends in [] yields text"),
        ('pid = "pid"', 'pid = {path = "p", unit = "s"}', "fields.pid", "only a time has a unit"),
        ('pid = "pid"', 'pid = {path = "p", derive = "basename"}', "fields.pid", "makes text, and"),
        ('pid = "pid"', 'pid = {path = "p", derive = "lower"}', "fields.pid", "allowed: basename"),
        ('comm = ["name"', 'comm = [{path = "n", text_integer = true}', "fields.comm", "integers"),
        ('unit = "ms"', 'unit = "min"', "fields.time", "ns, us, ms, s, rfc3339, audit; not 'min'"),
        (', unit = "ms"', "", "fields.time", "a time needs a unit"),
        ('comm = ["-"]', "comm = [0]", "missing.comm", "0 is of a wrong type; allowed: str"),
        ('comm = ["-"]', 'coom = ["-"]', "missing", "did you mean comm?"),
        (
            "[missing]",
            '[default]\npid = ""\n[missing]',
            "default",
            "unknown field of kind text 'pid'",
        ),
        ("[missing]", "[default]\ncomm = 5\n[missing]", "default.comm", "expected a string"),
        ('comm = "of the file"', "comm = 5", "notes.comm", "expected a string"),
    ],
)
def test_what_is_wrong_is_refused_by_its_place(old: str, new: str, where: str, reason: str) -> None:
    assert old in GOOD
    with pytest.raises(DialectError) as caught:
        parse_dialect(GOOD.replace(old, new, 1), "acme.toml")
    assert caught.value.where == where
    assert reason in str(caught.value)
    assert str(caught.value).startswith("acme.toml: ")


def test_no_toml_is_refused_with_line_and_column() -> None:
    with pytest.raises(DialectError, match=r"acme\.toml: no TOML: .*line 3, column"):
        parse_dialect('name = "acme"\n\n= 5\n', "acme.toml")


def test_an_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(DialectError, match="can't be read"):
        load_dialect(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(DialectError, match="can't be read"):
        load_dialect(tmp_path / "binary.toml")


def test_the_name_is_the_file_s(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(GOOD)
    with pytest.raises(DialectError, match="'acme' must be the file's, 'other'"):
        load_dialect(tmp_path / "other.toml")


def test_the_built_in_ones_are_every_file_of_the_package() -> None:
    folder = Path(loader.__file__).parent
    assert {path.stem for path in folder.glob("*.toml")} == set(BUILT_IN)
    assert dialect_names()[: len(BUILT_IN)] == list(BUILT_IN)


def test_dialects_are_chosen_by_name_in_the_order_in_which_they_are_tried() -> None:
    names = [each.name for each in choose_dialects(["falco", "tracee", "falco"])]
    assert names == ["tracee", "falco"]
    with pytest.raises(ValueError, match=r"unknown dialect 'falko'; there are tracee, "):
        choose_dialects(["falko"])


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with a dialect, installed beside illshell."""
    package = tmp_path / "acme_sensor"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "acme.toml").write_text(GOOD)
    metadata = tmp_path / "acme_sensor-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-sensor\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[illshell.dialects]\nacme = acme_sensor\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "acme_sensor", raising=False)
    all_dialects.cache_clear()
    yield package
    all_dialects.cache_clear()
    sys.modules.pop("acme_sensor", None)


def test_another_package_adds_a_dialect(installed: Path) -> None:
    assert others_may_add()
    assert "acme" in [each["name"] for each in projection_dict(["pid"])["dialects"]]
    assert [each["name"] for each in projection_dict(["pid"], names=["acme"])["dialects"]] == [
        "acme"
    ]
    assert dialect_names() == [*BUILT_IN, "acme"]
    assert choose_dialects(["acme"])[0].origin == str(installed / "acme.toml")


def test_two_dialects_of_one_name_are_refused(installed: Path) -> None:
    metadata = installed.parent / "acme_sensor-1.dist-info" / "entry_points.txt"
    metadata.write_text("[illshell.dialects]\nfalco = acme_sensor\n")
    (installed / "falco.toml").write_text(GOOD.replace('name = "acme"', 'name = "falco"'))
    with pytest.raises(DialectError, match="there is another dialect 'falco'"):
        all_dialects()


def test_an_entry_point_that_leads_nowhere_is_refused_by_name(installed: Path) -> None:
    metadata = installed.parent / "acme_sensor-1.dist-info" / "entry_points.txt"
    metadata.write_text("[illshell.dialects]\nacme = no_such_package\n")
    with pytest.raises(DialectError, match="entry point acme: No module named 'no_such_package'"):
        all_dialects()
