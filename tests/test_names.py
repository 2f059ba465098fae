"""Sets of names: exact for every name that a comm can and can't be, of any number of names."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illshell._fastmatch import NameSet
from illshell.signatures.illegitimate_shell.names import SHELLS, WEB_SERVERS

names = st.binary(min_size=1, max_size=15).filter(lambda name: b"\0" not in name)


@given(st.lists(names, min_size=1, max_size=40), st.lists(st.binary(max_size=18), max_size=40))
def test_holds_its_names_and_no_other(members: list[bytes], others: list[bytes]) -> None:
    names_held = NameSet(members)
    assert len(names_held) == len(set(members))
    assert list(names_held) == list(dict.fromkeys(members))
    for name in members:
        assert name in names_held
    for other in [*others, *(m[:-1] for m in members), *(m + b"\0" for m in members)]:
        assert (other in names_held) is (other in members)


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 100, 10_000, 50_000])
def test_any_number_of_names(size: int) -> None:
    members = [f"n{number:07d}" for number in range(size)]
    names_held = NameSet(members)
    assert all(name in names_held for name in members)
    assert not any(f"m{number:07d}" in names_held for number in range(size))
    assert not any(f"n{number:07d}" in names_held for number in range(size, 2 * size))


@pytest.mark.parametrize("names_given", [WEB_SERVERS, SHELLS])
def test_text_and_bytes_are_the_same_name(implementation: Any, names_given: Any) -> None:
    names_held = implementation.NameSet(names_given)
    for name in names_given:
        assert name in names_held
        assert name.encode() in names_held
        assert name + "\0" not in names_held
    assert "ähm" in implementation.NameSet(["ähm"])


def test_names_that_no_comm_can_have_are_refused(implementation: Any) -> None:
    for wrong in ([""], ["a" * 16], ["a", "b\0"], []):
        with pytest.raises(ValueError, match="name"):
            implementation.NameSet(wrong)


def test_sets_survive_pickling() -> None:
    names_held = pickle.loads(pickle.dumps(NameSet(SHELLS)))
    assert list(names_held) == [name.encode() for name in SHELLS]
    assert "sh" in names_held
    assert "nginx" not in names_held
