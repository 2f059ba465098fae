"""The configuration file, and the way from messages to lines and back; no broker is needed."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_line import illshell
from hypothesis import given
from hypothesis import strategies as st

from illshell.model.position import Message as MessagePosition
from illshell.readers.json_lines.definition import BOM, WHITESPACE
from illshell.readers.segment import InvalidLine
from illshell.readers.selection import Selection
from illshell.sources.kafka import messages as module
from illshell.sources.kafka.failures import SettingsError
from illshell.sources.kafka.messages import Messages, as_one_line, split
from illshell.sources.kafka.settings import HIDDEN, MIN_PART, RESERVED, Settings, read_settings

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


def test_parts_of_secrets_are_hidden(tmp_path: Path) -> None:
    """librdkafka's errors quote the rest of a value, from where they could not read it."""
    settings = read_settings(
        settings_file(
            tmp_path,
            "sasl.oauthbearer.config=principal=admin secret=hunter2hunter2\n"
            "sasl.kerberos.kinit.cmd=kinit -p letmein\nssl.key.password=abc\n",
        )
    )
    says = "Unrecognized sasl.oauthbearer.config beginning at: "
    assert settings.hide(f"{says}secret=hunter2hunter2") == f"{says[:-1]}{HIDDEN}"
    assert "hunter2" not in settings.hide("at 2hunter2, and at secret=hunter")
    assert settings.hide("no hunt here, abc") == f"no hunt here, {HIDDEN}"
    assert "letmein" not in settings.hide("kinit -p letmein failed")
    assert settings.hide("") == ""


@given(st.text("abc", min_size=1, max_size=12), st.text("abc", max_size=12))
def test_no_longer_part_of_a_secret_is_ever_shown(secret: str, text: str) -> None:
    shown = Settings(secrets=frozenset({secret})).hide(text).replace(HIDDEN, "\n")
    least = min(MIN_PART, len(secret))
    parts = {secret[start : start + least] for start in range(len(secret) - least + 1)}
    assert not any(part in shown for part in parts)
    if not any(part in text for part in parts):
        assert shown == text


@pytest.mark.parametrize(
    ("mode", "text", "exposed"),
    [
        (0o644, f"sasl.password={SECRET}", True),
        (0o640, f"sasl.password={SECRET}", False),
        (0o644, "sasl.mechanism=PLAIN", False),
    ],
)
def test_secrets_that_everybody_can_read(
    tmp_path: Path, mode: int, text: str, exposed: bool
) -> None:
    path = Path(settings_file(tmp_path, text))
    path.chmod(mode)
    assert read_settings(str(path)).is_exposed == exposed
    path.write_text(f"{text}\nssl.ca.location=/nowhere\nsecurity.protocol=ssl\n")
    result = illshell(*ARGUMENTS, "--config", path, code=2)
    warning = f"{path}: holds secrets, and every user of this machine can read it: chmod o= {path}"
    assert (warning in result.err) == exposed


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
        patch.setattr(module, "MAX_BYTES", most)
        parts = list(split(messages))
    for part in parts:
        offset = 0
        for line in part.lines.split(b"\n")[:-1]:
            if line.removeprefix(BOM).strip(WHITESPACE) and sparse and len(seen) % 3:
                seen.append(None)  # nobody asked for this one
            elif line.removeprefix(BOM).strip(WHITESPACE):
                position = part.position_of(offset, len(line))
                assert (position.topic, position.partition) == ("t", 3)
                assert part.message_at(position) is messages[position.offset]
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


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        (b'{\n "a": 1\n}', True),
        (BOM + b'\n {"a": {}\r\n}\n\n', True),
        (b'{"a": {}\n,"b": {"c": 1}}', True),
        (b'{"a": 1}\n', False),
        (b'{"a": 1}\n{"b": 1}', False),
        (b'{"a": 1}\n \r\n {"b": 1}\n', False),
        (b'{"a":\n{"b": 1}\n', False),
        (b'{"a": "\n"}', False),
        (b'[\n{"a": 1}\n]', False),
        (b"{\n" * 600 + b"}\n" * 600, False),
        (b"\n\n", False),
    ],
)
def test_a_value_over_several_lines(value: bytes, is_one: bool) -> None:
    line = as_one_line(value)
    if is_one:
        assert b"\n" not in line
        assert json.loads(line) == json.loads(value.removeprefix(BOM))
    else:
        assert line == value


@given(st.lists(st.lists(st.sampled_from(["x", "{}", '{"eventName":"a"}', ""]), max_size=9)))
def test_lines_are_decoded_some_at_a_time(given_lines: list[list[str]]) -> None:
    messages = [fake("\n".join(lines).encode(), at) for at, lines in enumerate(given_lines)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_LINES", 3)
        (part,) = split(messages)
        segments = list(part.segments(Selection(None, []), native=False))
    assert all(len(segment.singles) <= 3 for segment in segments)
    found = [
        (single.position if isinstance(single, InvalidLine) else single.headers.position)
        for segment in segments
        for _, single in segment.singles
    ]
    assert [(each.offset, each.line) for each in found if isinstance(each, MessagePosition)] == [
        (offset, line)
        for offset, lines in enumerate(given_lines)
        for line in range(len(list(filter(None, lines))))
    ]


def test_memory_is_bounded_by_the_part() -> None:
    parts = [part.lines for part in split([fake(b"x" * module.MAX_BYTES), fake(b"y"), fake(b"z")])]
    assert [len(part) for part in parts] == [module.MAX_BYTES + 1, 4]
    assert isinstance(parts[0], bytes)
    assert Messages([], []).lines == b""
