"""The configuration file, and the way from messages to lines and back; no broker is needed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_line import illshell
from hypothesis import given
from hypothesis import strategies as st

from illshell.detect.verdict import Verdict
from illshell.readers.json_lines.definition import BOM, WHITESPACE
from illshell.sources.kafka import messages as module
from illshell.sources.kafka.failures import SettingsError
from illshell.sources.kafka.messages import Messages, split
from illshell.sources.kafka.settings import RESERVED, read_settings

SECRET = "s3cr3t-v4lu3"
ARGUMENTS = ["kafka", "--brokers=x", "--topic=a", "--group=g", "--findings-topic=b"]


def settings_file(tmp_path: Path, text: str, name: str = "kafka.properties") -> str:
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def test_lines(tmp_path: Path) -> None:
    settings = read_settings(
        settings_file(
            tmp_path,
            f"# comment\n! too\n\n sasl.password = {SECRET}=x \r\nconsumer.a.b=1\nproducer.a.b=2\na.b=\n",
        )
    )
    assert settings.of("consumer") == {"sasl.password": f"{SECRET}=x", "a.b": "1"}
    assert settings.of("producer") == {"sasl.password": f"{SECRET}=x", "a.b": "2"}
    assert settings.hide(f"no {SECRET}=x here") == "no [hidden] here"
    assert SECRET not in repr(settings)


def test_toml(tmp_path: Path) -> None:
    text = f"""
        sasl.password = "{SECRET}"
        "socket.nagle.disable" = true
        consumer.fetch.min.bytes = 3
        [producer]
        linger.ms = 0.5
        [ssl]
        key.pem = "{SECRET}-key"
    """
    settings = read_settings(settings_file(tmp_path, text, "kafka.toml"))
    assert settings.of("consumer") == {
        "sasl.password": SECRET,
        "socket.nagle.disable": "true",
        "ssl.key.pem": f"{SECRET}-key",
        "fetch.min.bytes": "3",
    }
    assert settings.of("producer")["linger.ms"] == "0.5"
    assert settings.hide(f"{SECRET}-key {SECRET}") == "[hidden] [hidden]"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a", SECRET, "line 1: not of the form key=value"),
        ("a", f"\n{SECRET.upper()}=1", "line 2: not of the form key=value"),
        ("a", f"a={SECRET}\na=1", "line 2: a is there already"),
        ("a", f"acks={SECRET}", "acks can't be set here"),
        ("a", f"producer.acks={SECRET}", "acks can't be set here"),
        ("a.toml", f"a = {SECRET}", "not TOML (at line 1, column 5)"),
        ("a.toml", f'a = ["{SECRET}"]', "a is no string, number or boolean"),
        ("a.toml", f'"{SECRET.upper()}" = 1', "a key is no property"),
        ("a.toml", f'a.b = "{SECRET}"\n"a.b" = 1', "a.b is there twice"),
        ("a", f"sasl.pasword={SECRET}", "there is no property sasl.pasword"),
        ("a", f"security.protocol={SECRET}", "security.protocol can't have the value"),
        ("a", f"consumer.session.timeout.ms={SECRET}", "session.timeout.ms can't have the value"),
        ("a", f"producer.linger.ms={SECRET}", "queue.buffering.max.ms can't have"),
        ("a", f"ssl.key.pem={SECRET}\nsecurity.protocol=ssl", ""),
        (
            "a",
            f"ssl.ca.location=/nowhere\nsasl.password={SECRET}\nsecurity.protocol=ssl",
            "ssl.ca.location failed",
        ),
        (
            "a",
            f"sasl.mechanism=GSSAPI\nsasl.kerberos.kinit.cmd={SECRET}\nsecurity.protocol=sasl_ssl",
            "",
        ),
    ],
)
def test_what_is_wrong_is_told_without_the_value(
    tmp_path: Path, name: str, text: str, says: str
) -> None:
    path = settings_file(tmp_path, text, name)
    result = illshell(*ARGUMENTS, "--config", path, code=2)
    assert SECRET not in result.err
    assert SECRET.upper() not in result.err
    assert says in " ".join(result.err.split())
    assert name in result.err


def test_no_file(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"a=\xff")
    for name, says in {
        "none": "No such file",
        "latin": "byte 2: not UTF-8",
        ".": "directory",
    }.items():
        with pytest.raises(SettingsError, match=says):
            read_settings(str(tmp_path / name))


@pytest.mark.parametrize("key", RESERVED)
def test_what_promises_depend_on_stays(tmp_path: Path, key: str) -> None:
    with pytest.raises(SettingsError, match="can't be set here"):
        read_settings(settings_file(tmp_path, f"consumer.{key}=1"))


def fake(value: bytes | None, offset: int = 0) -> Any:
    return SimpleNamespace(
        value=lambda: value, topic=lambda: "t", partition=lambda: 3, offset=lambda: offset
    )


pieces = st.sampled_from([b"a", b"bb", b"\n", b"\n\n", b" ", b"\r\n", BOM, b""])
values = st.lists(pieces, max_size=6).map(b"".join)


@given(st.lists(values | st.none(), max_size=8), st.integers(1, 20), st.booleans())
def test_each_line_is_found_again(
    given_values: list[bytes | None], most: int, sparse: bool
) -> None:
    messages = [fake(value, offset) for offset, value in enumerate(given_values)]
    seen: list[tuple[int, int] | None] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_BYTES", most)
        parts = list(split(messages))
    for part in parts:
        offset = 0
        for line in part.lines.split(b"\n")[:-1]:
            if line.removeprefix(BOM).strip(WHITESPACE) and sparse and len(seen) % 3:
                seen.append(None)  # nobody asked for this one
            elif line.removeprefix(BOM).strip(WHITESPACE):
                position = part.position_of(offset, len(line))
                assert (position.topic, position.partition) == ("t", 3)
                assert part.of(Verdict(0, position=position)) is messages[position.offset]
                seen.append((position.offset, position.line))
            offset += len(line) + 1
    expected: list[tuple[int, int] | None] = [
        (index, line)
        for index, value in enumerate(given_values)
        for line in range(
            sum(
                1
                for each in (value or b"").split(b"\n")
                if each.removeprefix(BOM).strip(WHITESPACE)
            )
        )
    ]
    if sparse:
        expected = [None if number % 3 else each for number, each in enumerate(expected)]
    assert seen == expected
    assert sum(part.empty for part in parts) == sum(1 for value in given_values if not value)


def test_memory_is_bounded_by_the_part() -> None:
    parts = [part.lines for part in split([fake(b"x" * module.MOST_BYTES), fake(b"y"), fake(b"z")])]
    assert [len(part) for part in parts] == [module.MOST_BYTES + 1, 4]
    assert isinstance(parts[0], bytes)
    assert Messages([], []).lines == b""
