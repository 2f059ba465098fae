"""Paths into JSON, against a walk of the document that knows no path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illshell.dialects.paths import (
    ABSENT,
    Element,
    Index,
    Key,
    PathSyntaxError,
    Whole,
    dotted,
    parse_path,
    path_of,
    resolve,
    with_step,
)

KEYS = ["name", "value", "args", "a.b", "proc.aname[2]", "@timestamp", "=", "x y", "é"]
_keys = st.sampled_from(KEYS)
_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), st.sampled_from(KEYS)
)
_json = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_keys, inner, max_size=4)),
    max_leaves=20,
)
_steps = st.one_of(
    st.builds(Key, _keys),
    st.builds(Index, st.integers(0, 4)),
    st.builds(Element, st.sampled_from(["name", "value"]), _keys.filter(lambda k: "[" not in k)),
)
_paths = st.builds(
    lambda first, middle, whole: path_of((Key(first), *middle, *([Whole()] if whole else []))),
    _keys,
    st.lists(_steps, max_size=4),
    st.booleans(),
)


def places(value: Any, steps: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every place of a document, by the numbers and keys that lead to it."""
    yield steps, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*steps, key))
    if isinstance(value, list):
        for at, inner in enumerate(value):
            yield from places(inner, (*steps, at))


def expected(document: Any, steps: tuple[Any, ...]) -> Any:
    """What the steps lead to, looked up in the list of all places of the document."""
    everywhere = dict(places(document))
    at: tuple[Any, ...] = ()
    for step in steps:
        if isinstance(step, Whole):
            return everywhere[at] if isinstance(everywhere[at], list) else ABSENT
        if isinstance(step, Element):
            here = everywhere[at]
            objects = here if isinstance(here, list) else []
            plain = [i for i, each in enumerate(objects) if not isinstance(each, dict)]
            named = [
                i
                for i, each in enumerate(objects)
                if isinstance(each, dict) and each.get(step.member) == step.value
            ]
            if not named or (plain and plain[0] < named[0]):
                return ABSENT
            at = (*at, named[0])
        else:
            at = (*at, step.name if isinstance(step, Key) else step.number)
        if at not in everywhere:
            return ABSENT
        if (type(at[-1]) is str) is not isinstance(everywhere[at[:-1]], dict):
            return ABSENT
    return ABSENT if everywhere[at] is None else everywhere[at]


@given(st.dictionaries(_keys, _json, max_size=5), _paths)
def test_a_path_leads_where_the_walk_of_the_document_says(document: Any, path: Any) -> None:
    assert resolve(document, path) == expected(document, path.steps)


@given(st.dictionaries(_keys, _json, min_size=1, max_size=5), st.data())
def test_every_value_has_a_path(document: Any, data: st.DataObject) -> None:
    steps, value = data.draw(st.sampled_from([*places(document)][1:]))
    path = path_of(tuple(Key(step) if isinstance(step, str) else Index(step) for step in steps))
    found = resolve(document, parse_path(path.text))
    assert found is ABSENT if value is None else found is value


@given(_paths)
def test_the_text_of_a_path_spells_it(path: Any) -> None:
    assert parse_path(path.text).steps == path.steps


@given(_json)
def test_a_path_into_what_is_no_object_leads_nowhere(document: Any) -> None:
    if not isinstance(document, dict):
        assert resolve(document, parse_path("name")) is ABSENT


def test_of_duplicate_keys_the_last_wins() -> None:
    line = '{"args":[{"name":"a","value":1}],"args":[{"name":"a","value":2,"value":3}]}'
    assert resolve(json.loads(line), parse_path("args[name=a].value")) == 3


@pytest.mark.parametrize(
    ("args", "found"),
    [
        ([{"name": "a", "value": 1}, {"name": "a", "value": 2}], 1),
        ([{"name": "b"}, {"name": "a", "value": 1}], 1),
        ([5, {"name": "a", "value": 1}], ABSENT),
        ([{"name": "a"}, {"name": "a", "value": 1}], ABSENT),
        ([{"name": "a", "value": None}, {"name": "a", "value": 1}], ABSENT),
        ([{"name": 1, "value": 1}], ABSENT),
        ({"name": "a", "value": 1}, ABSENT),
        ("a", ABSENT),
    ],
)
def test_the_first_element_of_the_name_is_the_one(args: Any, found: Any) -> None:
    assert resolve({"args": args}, parse_path("args[name=a].value")) == found


@pytest.mark.parametrize(
    ("text", "character"),
    [
        ("", 1),
        (".", 1),
        ("a.", 3),
        ("a..b", 3),
        ("[0]", 1),
        ('"a', 1),
        ('""', 1),
        ("a[", 2),
        ("a[x]", 2),
        ("a[-1]", 2),
        ("a[].b", 4),
        ("a[][0]", 4),
        ('a"b"', 2),
        ("a b", 2),
        ("a[0]b", 5),
    ],
)
def test_what_is_no_path_is_refused_with_the_place(text: str, character: int) -> None:
    with pytest.raises(PathSyntaxError, match=f"at character {character};"):
        parse_path(text)


def test_flat_json_has_one_key_in_place_of_the_leading_ones() -> None:
    assert dotted(parse_path("process.parent.pid")).text == '"process.parent.pid"'
    flat = {"process.parent.pid": 1, "process.previous": [{"executable": "x"}], "top": 2}
    assert resolve(flat, dotted(parse_path("process.parent.pid"))) == 1
    assert resolve(flat, dotted(parse_path("process.previous[0].executable"))) == "x"
    assert resolve(flat, dotted(parse_path("top"))) == 2
    assert with_step(parse_path("a.b"), Index(1)).text == "a.b[1]"
