"""From JSON's values to columns': kinds, units, derivations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illshell.dialects.conversion import (
    DERIVATIONS,
    as_bool,
    as_integer,
    as_text,
    as_time,
    basename,
    container_id,
    device,
    hash64,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        (5, False, 5),
        (-0, False, 0),
        (True, False, None),
        (5.0, False, None),
        ("5", False, None),
        ("5", True, 5),
        (5, True, 5),
        ("-7", True, -7),
        ("+5", True, None),
        (" 5", True, None),
        ("\u0665", True, None),
        ("", True, None),
        ("5\n", True, None),
        (2**63 - 1, False, 2**63 - 1),
        (2**63, False, None),
        (-(2**63), False, -(2**63)),
        ("9223372036854775808", True, None),
        ("9" * 5000, True, None),
        (None, True, None),
        ([5], True, None),
    ],
)
def test_integers(value: Any, text: bool, expected: int | None) -> None:
    assert as_integer(value, text=text) == expected


def test_text_and_truth() -> None:
    assert as_text("a") == "a"
    assert as_text(["sh", "-c", "id"]) == "sh -c id"
    assert as_text([]) == ""
    assert as_text(["sh", 5]) is None
    assert as_text(5) is None
    assert as_bool(True) is True
    assert as_bool(1) is None


@given(
    st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1)),
    st.integers(0, 999),
    st.integers(-1439, 1439),
    st.sampled_from("Tt "),
)
def test_rfc3339_is_what_datetime_says(at: datetime, nano: int, offset: int, between: str) -> None:
    zone = timezone(timedelta(minutes=offset))
    moment = at.replace(tzinfo=zone)
    since = moment - EPOCH
    micro = (since.days * 86400 + since.seconds) * 10**6 + since.microseconds
    sign, minutes = ("-", -offset) if offset < 0 else ("+", offset)
    text = (
        f"{at:%Y-%m-%d}{between}{at:%H:%M:%S}.{at.microsecond:06}{nano:03}"
        f"{sign}{minutes // 60:02}:{minutes % 60:02}"
    )
    assert as_time(text, "rfc3339") == micro * 1000 + nano


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("1970-01-01T00:00:00Z", "rfc3339", 0),
        ("1970-01-01T00:00:00.5z", "rfc3339", 5 * 10**8),
        ("1970-01-01T00:00:00.1234567899Z", "rfc3339", 123456789),
        ("1969-12-31T23:59:60Z", "rfc3339", 0),
        ("1970-01-01T00:00:00.Z", "rfc3339", None),
        ("1970-01-01T00:00:00", "rfc3339", None),
        ("1970-02-30T00:00:00Z", "rfc3339", None),
        ("1970-01-01T24:00:00Z", "rfc3339", None),
        ("1970-01-01T00:00:00+24:00", "rfc3339", None),
        ("0000-01-01T00:00:00Z", "rfc3339", None),
        ("2262-04-11T23:47:16.854775807Z", "rfc3339", 2**63 - 1),
        ("2262-04-11T23:47:16.854775808Z", "rfc3339", None),
        ("1970-01-01T00:00:00Z ", "rfc3339", None),
        (0, "rfc3339", None),
        (1769940000105, "ms", 1769940000105 * 10**6),
        (1, "us", 1000),
        (7, "ns", 7),
        (10**10, "s", None),
        ("5", "s", None),
        (1.5, "s", None),
        ("1769940000.105:812", "audit", 1769940000105 * 10**6),
        ("1769940000.105", "audit", None),
        (1769940000.105, "audit", None),
    ],
)
def test_times(value: Any, unit: str, expected: int | None) -> None:
    assert as_time(value, unit) == expected


def test_a_time_in_a_string() -> None:
    assert as_time("5", "s", text=True) == 5 * 10**9


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/usr/bin/dash", "dash"),
        ("sh", "sh"),
        ("/usr/sbin/httpd-foreground", "httpd-foregroun"),
        ("/bin/ééééééééé", "ééééééé"),
        ("/bin/", None),
        ("", None),
        ("memfd:x", "memfd:x"),
    ],
)
def test_a_file_name_is_cut_as_the_kernel_cuts_a_comm(path: str, name: str | None) -> None:
    assert basename(path) == name


@given(st.text())
def test_a_file_name_fits_a_comm(path: str) -> None:
    name = basename(path)
    assert name is None or (len(name.encode("utf-8", "surrogatepass")) <= 15 and "/" not in name)


def test_the_other_derivations() -> None:
    # The published test vectors of FNV-1a, 64 bits.
    assert hash64("") == 0xCBF29CE484222325 - 2**64
    assert hash64("a") == 0xAF63DC4C8601EC8C - 2**64
    assert hash64("foobar") == 0x85944171F73967E8 - 2**64
    assert device("fe:00") == 266338304
    assert device("08:02") == 8 << 20 | 2
    assert device("8") is None
    assert container_id("containerd://0f5c1e") == "0f5c1e"
    assert container_id("0f5c1e") == "0f5c1e"
    assert container_id("docker://") is None


@given(st.sampled_from(sorted(DERIVATIONS)), st.text())
def test_a_derivation_gives_its_kind_or_nothing(name: str, text: str) -> None:
    kind, derive = DERIVATIONS[name]
    value = derive(text)
    assert value is None or type(value) is {"text": str, "int64": int}[kind]
    assert kind != "int64" or value is None or as_integer(value) == value
