"""Sets of names: exact for every name that a comm can and can't be, of any number of names."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illshell._fastmatch import NameSet, PatternSet
from illshell.signatures.illegitimate_shell import reference
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


@given(st.lists(names, min_size=1, max_size=40), st.lists(st.binary(max_size=18), max_size=40))
def test_which_of_the_names_it_is(members: list[bytes], others: list[bytes]) -> None:
    native, plain = NameSet(members), reference.NameSet(members)
    for value in [*members, *others, *(m + b"\0" for m in members)]:
        assert native.index(value) == plain.index(value)


short = st.text(alphabet="ab", min_size=1, max_size=4).map(str.encode)
stems = names | short
patterns = stems.filter(lambda stem: not stem.endswith(b"*")) | stems.map(lambda stem: stem + b"*")


@given(st.lists(patterns, min_size=1, max_size=40), st.lists(st.binary(max_size=20), max_size=20))
def test_patterns_agree_with_the_reference(members: list[bytes], others: list[bytes]) -> None:
    native, plain = PatternSet(members), reference.PatternSet(members)
    assert list(native) == list(plain)
    assert len(native) == len(plain)
    values = [
        value
        for member in members
        for stem in [member.removesuffix(b"*")]
        for value in (
            stem,
            stem[:-1],
            stem + b"x",
            stem + b"\0",
            stem + b"y" * 20,
            b"z" + stem,
            member,
        )
    ]
    for value in [*values, *others]:
        assert native.index(value) == plain.index(value), value
        assert (value in native) is (value in plain)


def test_an_exact_name_comes_before_a_prefix_and_the_longest_prefix_first() -> None:
    held = PatternSet(["php*", "php-fpm*", "php-fpm8", "node"])
    assert [held.index(each) for each in ("php-fpm8", "php-fpm8.2", "php8", "node", "nodejs")] == [
        2, 1, 0, 3, -1,
    ]  # fmt: skip
    assert pickle.loads(pickle.dumps(held)).index("php8") == 0
    assert list(held) == [b"php*", b"php-fpm*", b"php-fpm8", b"node"]


def test_prefixes_of_every_length_and_any_number() -> None:
    every = PatternSet([*("a" * size + "*" for size in range(1, 16)), "b" * 15])
    for size in range(1, 20):
        assert every.index("a" * size) == min(size, 15) - 1
        assert every.index("a" * size + "x") == min(size, 15) - 1
    assert every.index("b" * 15) == 15
    assert every.index("b" * 16) == -1
    many = PatternSet([f"n{number:07d}*" for number in range(10_000)])
    assert all(f"n{number:07d}.x" in many for number in range(0, 10_000, 7))
    assert not any(f"m{number:07d}" in many for number in range(0, 10_000, 7))


def test_patterns_that_can_not_be_are_refused(implementation: Any) -> None:
    for wrong in (["*"], [""], ["a" * 16], ["a" * 16 + "*"], ["a\0*"], []):
        with pytest.raises(ValueError, match="name"):
            implementation.PatternSet(wrong)


@pytest.mark.parametrize("one", ["php-fpm", b"php-fpm"])
def test_one_name_in_place_of_several_is_refused(implementation: Any, one: Any) -> None:
    for made in (implementation.NameSet, implementation.PatternSet):
        with pytest.raises(TypeError, match=r"several names, not one: write .*\[b?'php-fpm'\]"):
            made(one)
