"""Formats: each record against one put together by hand."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from tracee_events import argument, bprm_check

from illshell import ByteRange, Message, Position, Row, Sequence
from illshell.cli.units import duration, plural, scaled
from illshell.dialects.tracee_event import event_of
from illshell.formats.registry import FORMATS
from illshell.formats.table import Table
from illshell.formats.terminal import command, visible
from illshell.formats.tracee import KEYS, finding_event
from illshell.model.finding import Finding
from illshell.signatures.illegitimate_shell.metadata import illegitimate_shell_metadata

POSITION = ByteRange("events.jsonl", 7, 99)
DESCRIPTION = (
    "A web-server program on your server spawned a shell program. Shells are command-line "
    "tools, and it's unconventional for web servers to initiate them. This alert might "
    "point to a malicious actor leveraging a web server to execute commands on the server."
)


def finding(payload: Any, position: Position | None = POSITION) -> Finding:
    return Finding(illegitimate_shell_metadata(), event_of(payload, position), None)


EXEC = (
    '{"timestamp":1763000000000000001,"processName":"sh","hostName":"web01","eventId":"715",'
    '"eventName":"sched_process_exec","matchedPolicies":["p"],"argsNum":2,"returnValue":-3,'
    '"syscall":"execve","stackAddresses":null,"args":['
    '{"name":"argv","type":"[]string","value":["sh","-c","a<b>&c\u2028\u00e9"]},'
    '{"name":"prev_comm","type":"string","value":"nginx"}]}'
)
EXEC_UID = "98cc5c17-3be6-5232-aa92-2d36fdc6528b"  # it has no task: of its bytes in events.jsonl, and of what it says
PROPERTIES = (
    '{"Category":"initial-access","Kubernetes_Technique":"N/A","Severity":2,'
    '"Technique":"Exploit Public-Facing Application","external_id":"T1190",'
    '"id":"attack-pattern--3f886f2a-874f-4333-b794-aa6075009b1c"'
)


def test_tracee_prints_the_event_as_go_does() -> None:
    args = EXEC[EXEC.index("[{") : -1].replace("a<b>&c\u2028", r"a\u003cb\u003e\u0026c\u2028")
    expected = (
        EXEC[: EXEC.index('"args"')]
        .replace('"715"', '"6024"')
        .replace("sched_process_exec", "illegitimate_shell")
        .replace('"argsNum":2', '"argsNum":1')
        + '"args":[{"name":"detectedFrom","type":"unknown","value":{"args":'
        + args
        + ',"id":715,"name":"sched_process_exec","returnValue":-3}}],'
        + f'"metadata":{{"Version":"1","Description":"{DESCRIPTION}","Tags":null,'
        + f'"Properties":{PROPERTIES},"signatureID":"TRC-1016",'
        + '"signatureName":"Web server spawned a shell",'
        + f'"uid":"{EXEC_UID}"}}}}}}\n'
    )
    assert FORMATS.get("tracee")(finding(json.loads(EXEC))).decode() == expected


def test_raw_is_the_template_of_tracee_rules() -> None:
    event = EXEC.replace("a<b>&c\u2028", r"a\u003cb\u003e\u0026c\u2028")
    expected = (
        f'{{"Data":null,"Context":{event},"SigMetadata":{{"ID":"TRC-1016","Version":"1",'
        '"Name":"Web server spawned a shell","EventName":"illegitimate_shell",'
        f'"Description":"{DESCRIPTION}","Tags":null,"Properties":{PROPERTIES}}}}},'
        f'"UID":"{EXEC_UID}"}}\n'
    )
    assert FORMATS.get("raw")(finding(json.loads(EXEC))).decode() == expected


def test_jsonl_holds_the_event_as_it_came() -> None:
    payload = json.loads(EXEC)
    line = FORMATS.get("jsonl")(finding(payload))
    assert line.isascii()
    assert line.count(b"\n") == 1
    record = json.loads(line)
    assert list(record) == ["uid", "sig_metadata", "event", "data", "position"]
    assert list(record["event"]) == list(payload)
    assert record["event"] == payload
    assert record["data"] is None
    assert record["position"] == {"source": "events.jsonl", "offset": 7, "length": 99}
    metadata = illegitimate_shell_metadata()
    assert list(record["sig_metadata"]) == [
        "id",
        "version",
        "name",
        "event_name",
        "description",
        "tags",
        "properties",
    ]
    assert record["sig_metadata"]["id"] == metadata.id
    assert record["sig_metadata"]["properties"] == metadata.properties


@pytest.mark.parametrize(
    ("position", "shown"),
    [
        (None, "null"),
        (ByteRange("a", 7, 99), '{"source":"a","offset":7,"length":99}'),
        (Row("a.parquet", 7), '{"source":"a.parquet","row":7}'),
        (Message("t", 3, 7, 1), '{"topic":"t","partition":3,"offset":7,"line":1}'),
        (Sequence("s", 7), '{"source":"s","number":7}'),
    ],
)
def test_jsonl_says_where_the_event_came_from(position: Position | None, shown: str) -> None:
    line = FORMATS.get("jsonl")(finding(bprm_check("nginx", "/bin/sh"), position)).decode()
    assert line.endswith(f',"position":{shown}}}\n')


def test_jsonl_keeps_what_only_python_reads() -> None:
    text = r'{"a":"\ud800","n":NaN,"i":-Infinity,"big":123456789012345678901234567890,"z":"\u0000"}'
    line = FORMATS.get("jsonl")(finding(json.loads(text))).decode()
    assert text in line


def test_go_formats_are_utf8_whatever_comes() -> None:
    payload = bprm_check("nginx", "/bin/sh", odd="\ud800\x00\x7f\u00fc\b\f")
    for name in ("tracee", "raw"):
        line = FORMATS.get(name)(finding(payload)).decode("utf-8")
        assert '"odd":"\ufffd\\u0000\x7f\u00fc\\b\\f"' in line


@pytest.mark.parametrize("name", ["jsonl", "tracee", "raw"])
def test_nesting_at_the_limit_of_the_readers_is_written(name: str) -> None:
    deep: Any = "x"
    for _ in range(510):
        deep = [deep]
    assert FORMATS.get(name)(finding(bprm_check("nginx", "/bin/sh", deep=deep)))


def test_a_trigger_of_an_old_vintage_keeps_its_keys_and_order() -> None:
    old = {
        "processName": "nginx",
        "podName": "p",
        "eventName": "security_bprm_check",
        "returnValue": 0,
        "args": [argument("pathname", "/bin/sh", "const char*")],
        "custom": True,
    }
    assert list(finding_event(finding(old))) == [
        "processName",
        "podName",
        "eventId",
        "eventName",
        "argsNum",
        "returnValue",
        "args",
        "metadata",
        "custom",
    ]


def test_the_order_of_keys_is_tracees() -> None:
    payload = {key: None for key in KEYS if key != "metadata"} | {"eventName": "x", "args": []}
    event = finding_event(finding(payload))
    assert tuple(event) == KEYS
    assert event["argsNum"] == 0
    assert event["args"] == []


@pytest.mark.parametrize(
    ("given_id", "shown"),
    [("715", 715), (715, 715), ("-1", -1), ("", ""), ("٣", "٣"), ("9" * 5000, "9" * 5000)],
)
def test_the_triggers_id_is_a_number_where_it_is_one(given_id: Any, shown: Any) -> None:
    event = finding_event(finding(bprm_check("nginx", "/bin/sh", eventId=given_id)))
    assert event["args"][0]["value"]["id"] == shown


def table(width: int, *payloads: Any, encoding: str = "utf-8") -> list[str]:
    write = Table(Console(file=StringIO(), color_system=None), lambda: width, encoding)
    return b"".join(write(finding(payload)) for payload in payloads).decode(encoding).splitlines()


SHOWN = bprm_check(
    "apache2",
    "/usr/bin/dash",
    timestamp=1763000000000000000,
    hostProcessId=4242,
    hostName="web01",
)
SHOWN["args"].append(argument("argv", ["sh", "-c", "id; uname -a"], "[]string"))


def test_table_at_80_columns() -> None:
    assert table(80, SHOWN, SHOWN) == [
        "TIME (UTC)           POD / HOST           PID  WEB SERVER → PROGRAM        EVENT",
        "events.jsonl",
        "2025-11-13 02:13:20  web01               4242  apache2 → /usr/bin/dash     bprm",
        "  byte 7  $ sh -c 'id; uname -a'",
        "2025-11-13 02:13:20  web01               4242  apache2 → /usr/bin/dash     bprm",
        "  byte 7  $ sh -c 'id; uname -a'",
    ]


def test_table_at_120_columns() -> None:
    header, source, line = table(120, SHOWN)
    assert header.split() == [
        "TIME",
        "(UTC)",
        "POD",
        "/",
        "HOST",
        "PID",
        "WEB",
        "SERVER",
        "→",
        "PROGRAM",
        "EVENT",
        "BYTE",
        "COMMAND",
    ]
    assert source == "events.jsonl"
    assert line.endswith("  sh -c 'id; uname -a'")
    assert header.index("COMMAND") == line.index("sh -c")
    assert header.index("BYTE") + 3 == line.index(" 7 ") + 1


def test_table_without_arrows() -> None:
    assert "apache2 -> /usr/bin/dash" in "\n".join(table(80, SHOWN, encoding="latin-1"))


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        ({"hostName": "h"}, "h"),
        ({"hostName": "h", "containerId": "0123456789abcdef"}, "h/0123456789ab"),
        ({"hostName": "h", "container": {"id": "0123456789abcdef", "name": "shop"}}, "h/shop"),
        ({"hostName": "h", "containerName": "shop"}, "h/shop"),
        ({"podName": "p", "podNamespace": "n"}, "n/p"),
        ({"kubernetes": {"podName": "p", "podNamespace": "n"}}, "n/p"),
        ({"kubernetes": [], "container": 1, "hostName": None}, "-"),
    ],
)
def test_table_names_the_place_in_each_vintage(payload: Any, shown: str) -> None:
    assert f"  {shown}  " in table(160, bprm_check("nginx", "/bin/sh", **payload))[-1]


@pytest.mark.parametrize(
    ("timestamp", "shown"),
    [
        (1763000000000000000, "2025-11-13 02:13:20"),
        (1113003000000, "+1113.003 s"),
        (None, "-"),
        (10**40, "1" + "0" * 17 + "…"),
        ("x", "'x'"),
    ],
)
def test_table_tells_the_time(timestamp: Any, shown: str) -> None:
    assert table(160, bprm_check("nginx", "/bin/sh", timestamp=timestamp))[-1].startswith(shown)


anything = st.recursive(
    st.none() | st.integers() | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    width=st.integers(1, 200),
    payload=st.fixed_dictionaries(
        {"eventName": st.sampled_from(["security_bprm_check", "sched_process_exec"])},
        optional=dict.fromkeys(
            ("timestamp", "processName", "hostName", "hostProcessId", "kubernetes"), anything
        ),
    ),
    argv=anything,
    path=anything,
)
def test_table_fits_and_is_safe_whatever_comes(
    width: int, payload: dict[str, Any], argv: Any, path: Any
) -> None:
    payload["args"] = [argument("argv", argv), argument("pathname", path)]
    for line in table(width, payload):
        assert line.isprintable()
        assert cell_len(line) <= max(width, 60)


def test_what_acts_on_a_terminal_is_spelled_out() -> None:
    hostile = "\x1b]0;owned\x07\x1b[31m\r\n\u202e\u200b\x9b\ud800"
    shown = visible(hostile)
    assert shown == r"\x1b]0;owned\x07\x1b[31m\r\n\u202e\u200b\x9b\ud800"
    assert command(["sh", hostile]) == f"sh '{shown}'"


@pytest.mark.parametrize(
    ("argv", "shown"), [(None, ""), ("sh", ""), ([], ""), ([1, "a b"], "1 'a b'")]
)
def test_commands(argv: Any, shown: str) -> None:
    assert command(argv) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (98_700_000, "98.7 MB"), (999_999, "1.00 MB")],
)
def test_amounts(number: float, shown: str) -> None:
    assert scaled(number, "B") == shown


def test_other_units() -> None:
    assert scaled(12, " events") == "12 events"
    assert scaled(12_345, " events") == "12.3 k events"
    assert plural(1, "finding") == "1 finding"
    assert plural(1234, "finding") == "1,234 findings"
    assert [duration(seconds) for seconds in (0.01234, 59.4, 59.9, 3723)] == [
        "0.0123 s",
        "59.4 s",
        "1:00 min",
        "1:02:03 h",
    ]
