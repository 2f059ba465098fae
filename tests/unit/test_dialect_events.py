"""What is read of each sensor's lines, made by examples/write_dialects.py from one exec."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from write_dialects import WRITERS, Exec, verdicts, written

from illshell import IllegitimateShell
from illshell.dialects.canonical import canonical_event
from illshell.dialects.conversion import hash64
from illshell.dialects.describe import describe_line, dialect_of, lacking
from illshell.dialects.extract import extract
from illshell.dialects.loader import all_dialects, choose_dialects
from illshell.dialects.projection import compile_projection
from illshell.dialects.tracee_event import event_of
from illshell.model.event import SignatureEventSelector
from illshell.model.fields import PLACED_FIELDS
from illshell.model.signature import SignatureContext
from illshell.signatures.illegitimate_shell.names import EVENTS, SCHED_PROCESS_EXEC

DATA = Path(__file__).parents[1] / "support" / "data"

SHELL = Exec(
    time=1769940000105123456,
    pid=4242,
    parent_pid=700,
    comm="sh",
    prev_comm="apache2",
    filename="/bin/sh",
    pathname="/usr/bin/dash",
    prev_exe="/usr/sbin/apache2",
    parent_comm="apache2",
    parent_exe="/usr/sbin/apache2",
    argv=["sh", "-c", "id"],
    cwd="/var/www/html",
    uid=33,
    container="0f5c1e",
    image="php:8-apache",
    inode=2493759,
    start=1769940000104000000,
)
EVERYTHING = compile_projection(all_dialects(), ["event_name", *PLACED_FIELDS])

COMMON = {
    "event_name": "sched_process_exec",
    "comm": "sh",
    "prev_comm": "apache2",
    "pathname": "/usr/bin/dash",
    "argv": "sh -c id",
    "cwd": "/var/www/html",
    "pid": 4242,
    "parent_pid": 700,
    "time": 1769940000105123456,
    "start_time": 1769940000104000000,
    "host": "web-1",
    "uid": 33,
    "container": "0f5c1e",
    "image": "php:8-apache",
}
PARENT = {"parent_comm": "apache2", "parent_pathname": "/usr/sbin/apache2"}
V1BETA1 = COMMON | {
    "cmdpath": "/bin/sh",
    "interp": "/usr/bin/dash",
    "tid": 4242,
    "entity_id": 4242,
    "parent_entity_id": 700,
    "inode": 2493759,
    "dev": 0,
    "host": None,
    "container_started": True,
}
OPAQUE = {
    "entity_id": hash64(SHELL.identity()),
    "parent_entity_id": hash64(SHELL.identity(parent=True)),
}
MILLISECONDS = 1769940000105000000
EXPECTED = {
    "tracee-v1beta1": V1BETA1,
    "tracee-grpc": V1BETA1,
    "tetragon": COMMON
    | PARENT
    | OPAQUE
    | {
        "start_time": None,
        "pathname": "/bin/sh",
        "cmdpath": "/bin/sh",
        "argv": "-c id",
        "tid": 4242,
    },
    "falco": COMMON | PARENT | {"tid": 4242, "inode": 2493759, "memfd": False},
    "elastic-defend": COMMON | PARENT | OPAQUE | {"comm": "dash"},
    "auditbeat": COMMON
    | {
        "event_name": "exec",
        "prev_comm": None,
        "start_time": None,
        "container": None,
        "image": None,
    }
    | {"inode": 2493759, "dev": 8 << 20 | 1},
    "laurel": COMMON
    | PARENT
    | {"cmdpath": "/bin/sh", "time": MILLISECONDS, "start_time": None, "image": None}
    | {"entity_id": hash64("1769940000.105:4242"), "parent_entity_id": hash64("0.000:700")}
    | {"inode": 2493759, "dev": 8 << 20 | 1},
    "ocsf": COMMON | PARENT | OPAQUE | {"time": MILLISECONDS},
}


def last_line(name: str, each: Exec = SHELL) -> dict[str, Any]:
    return json.loads(json.dumps(list(WRITERS[name](each))[-1]))


@pytest.mark.parametrize("name", WRITERS)
def test_every_field_that_the_sensor_has(name: str) -> None:
    line = last_line(name)
    found = extract(EVERYTHING, line)
    assert found is not None
    assert found.dialect == name
    expected = dict.fromkeys(["event_name", *PLACED_FIELDS]) | EXPECTED[name]
    assert dict(found.values) == expected
    event = canonical_event(line)
    assert event is not None
    assert dict(event) == expected
    assert event.stand_ins(PLACED_FIELDS) == found.stand_ins


@pytest.mark.parametrize("name", WRITERS)
def test_what_stands_in_for_the_name_before_is_recognised(name: str) -> None:
    event = canonical_event(last_line(name))
    assert event is not None
    own = name.startswith("tracee") or name == "auditbeat"
    stand_ins = event.stand_ins(["prev_comm"])
    assert bool(stand_ins) is not own
    assert all(": name of " in text or "file name of " in text for text in stand_ins.values())


@pytest.mark.parametrize("name", WRITERS)
def test_an_exec_in_place_shows_the_former_program_where_the_sensor_can(name: str) -> None:
    setsid = replace(SHELL, in_place=True, prev_comm="setsid", prev_exe="/usr/bin/setsid")
    event = canonical_event(last_line(name, setsid))
    assert event is not None
    by_parent = {"falco": "apache2", "auditbeat": None}
    assert event["prev_comm"] == by_parent.get(name, "setsid")


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """An object as exports write it that put dots between the keys."""
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        name: inner
        for key, each in value.items()
        for name, inner in flat(each, f"{prefix}.{key}" if prefix else key).items()
    }


@pytest.mark.parametrize("name", ["elastic-defend", "auditbeat"])
def test_ecs_may_be_flat_and_have_arrays_or_scalars(name: str) -> None:
    line = last_line(name)
    expected = extract(EVERYTHING, line)
    assert expected is not None
    arrays = {
        key: value if isinstance(value, list) else [value] for key, value in flat(line).items()
    }
    action_list = line | {"event": line["event"] | {"action": ["fork", line["event"]["action"]]}}
    for spelling in (flat(line), arrays, action_list):
        found = extract(EVERYTHING, spelling)
        assert found is not None
        # Of an array of objects only the nested form has the paths.
        assert {**found.values} == {**expected.values}


@pytest.mark.parametrize("key", ["str", "value"])
def test_both_spellings_of_tracee_s_main(key: str) -> None:
    line = last_line("tracee-v1beta1")
    for argument in line["data"]:
        (kind,) = argument.keys() - {"name"}
        value = argument.pop(kind)
        if key == "value":
            value = value.get("value", []) if kind == "str_array" else value
            argument["value"] = int(value) if kind == "u_int64" else value
        else:
            argument[kind] = value
    event = canonical_event(line)
    assert event is not None
    assert dict(event) == dict.fromkeys(PLACED_FIELDS) | V1BETA1


def test_camel_case_of_protobuf_s_json() -> None:
    text = json.dumps(last_line("tracee-grpc"))
    for snake in ("host_pid", "host_tid", "unique_id", "real_user", "str_array"):
        camel = snake.partition("_")[0] + snake.partition("_")[2].capitalize()
        text = text.replace(f'"{snake}"', f'"{camel}"')
    event = canonical_event(json.loads(text.replace('"u_int', '"uInt')))
    assert event is not None
    assert dict(event) == dict.fromkeys(PLACED_FIELDS) | V1BETA1


OLD = {
    "eventName": "sched_process_exec",
    "timestamp": 5,
    "hostProcessId": 4242,
    "hostThreadId": 4243,
    "hostParentProcessId": 700,
    "userId": 33,
    "processName": "sh",
    "hostName": "web-1",
    "args": [
        {"name": "pathname", "type": "const char*", "value": "/usr/bin/dash"},
        {"name": "argv", "type": "const char**", "value": ["sh", "-c", "id"]},
        {"name": "prev_comm", "type": "const char*", "value": "nginx"},
    ],
}


@pytest.mark.parametrize(
    ("keys", "container"),
    [
        ({"containerId": "", "containerImage": "", "podName": ""}, (None, None, None)),
        ({"containerId": "c", "containerImage": "i", "podName": "p"}, ("c", "i", "p")),
        ({"container": {}, "kubernetes": {}}, (None, None, None)),
        (
            {"container": {"id": "c", "image": "i"}, "kubernetes": {"podName": "p"}},
            ("c", "i", "p"),
        ),
        ({"containerId": "c", "container": {}, "kubernetes": {}}, ("c", None, None)),
    ],
    ids=["v0.8 host", "v0.8", "v0.13 host", "v0.13", "v0.15"],
)
def test_the_vintages_of_tracee(keys: dict[str, Any], container: tuple[str | None, ...]) -> None:
    event = canonical_event(OLD | keys)
    assert event is not None
    assert event.dialect.name == "tracee"
    assert (event["container"], event["image"], event["pod"]) == container
    assert (event["comm"], event["prev_comm"], event["argv"]) == ("sh", "nginx", "sh -c id")
    assert (event["tid"], event["parent_pid"], event["entity_id"]) == (4243, 700, None)


def test_a_fork_is_the_child_s() -> None:
    fork = OLD | {
        "eventName": "sched_process_fork",
        "processEntityId": 7,
        "args": [{"name": n, "type": "int", "value": v} for n, v in [("child_pid", 5), ("x", 1)]],
    }
    event = canonical_event(fork)
    assert event is not None
    names = ["event_name", "pid", "parent_pid", "entity_id", "parent_entity_id", "comm"]
    assert [event[name] for name in names] == ["sched_process_fork", 5, 4242, None, 7, "sh"]


@pytest.mark.parametrize(
    ("name", "change", "field"),
    [
        ("tetragon", ("process_exec.process.binary", "<enomem>"), "comm"),
        ("tetragon", ("process_exec.parent.binary", "<enomem>"), "prev_comm"),
        ("tetragon", ("process_exec.process.uid", 4294967295), "uid"),
        ("falco", ("output_fields.proc.pname", "<NA>"), "prev_comm"),
        ("falco", ("output_fields.container.id", "host"), "container"),
        ("falco", ("output_fields.proc.pid", -1), "pid"),
        ("elastic-defend", ("user.id", "4294967295"), "uid"),
        ("elastic-defend", ("process.parent.pid", 0), "parent_pid"),
        ("laurel", ("SYSCALL.exe", "(null)"), "pathname"),
        ("ocsf", ("process.container.uid", ""), "container"),
    ],
)
def test_what_a_sensor_writes_for_nothing(name: str, change: tuple[str, Any], field: str) -> None:
    line = last_line(name)
    *folders, key = change[0].split(".", 1) if name == "falco" else change[0].split(".")
    place = line
    for folder in folders:
        place = place[folder]
    assert key in place
    place[key] = change[1]
    event = canonical_event(line)
    assert event is not None
    assert event[field] is None


@pytest.mark.parametrize(
    ("name", "folder", "change"),
    [
        ("falco", "output_fields", {"evt.arg.res": -2}),
        ("falco", "output_fields", {"evt.type": "open"}),
        ("auditbeat", "auditd", {"result": "fail"}),
        ("laurel", "SYSCALL", {"success": "no"}),
    ],
)
def test_an_exec_that_failed_is_none(name: str, folder: str, change: dict[str, Any]) -> None:
    line = last_line(name)
    line[folder] = line[folder] | change
    assert canonical_event(line) is None
    assert extract(EVERYTHING, line) is None


def test_a_stock_alert_of_falco_gives_a_verdict() -> None:
    alert = {
        "output": "Shell spawned by untrusted binary",
        "rule": "Run shell untrusted",
        "output_fields": {"evt.type": "execve", "proc.name": "sh", "proc.pname": "nginx"},
    }
    event = canonical_event(alert)
    assert event is not None
    assert (event["comm"], event["prev_comm"], event["pid"]) == ("sh", "nginx", None)


def test_ocsf_s_fork_and_end() -> None:
    line = last_line("ocsf")
    names = [
        canonical_event(line | change)
        for change in ({"launch_type_id": 2}, {"type_uid": 100702}, {"type_uid": 100703})
    ]
    assert [event and event.event_name for event in names] == ["fork", "exit", None]


def test_a_finding_of_tracee_is_no_event() -> None:
    assert canonical_event(OLD | {"eventName": "illegitimate_shell"}) is None
    finding = last_line("tracee-v1beta1")
    finding |= {"name": "illegitimate_shell", "detected_from": {"name": "sched_process_exec"}}
    assert canonical_event(finding) is None


@pytest.mark.parametrize(
    ("name", "findings", "unjudged"),
    [
        ("tracee", 6, 0),
        ("tracee-v1beta1", 6, 0),
        ("tracee-grpc", 6, 0),
        ("laurel", 6, 0),
        ("ocsf", 6, 0),
        # The capture does not know every parent's executable.
        ("tetragon", 6, 21),
        ("falco", 6, 1),
        # Two CGI scripts show as their interpreter.
        ("elastic-defend", 8, 21),
        # A parent has no name: nothing is judged.
        ("auditbeat", 0, 0),
    ],
)
def test_the_capture_in_each_dialect(name: str, findings: int, unjudged: int) -> None:
    assert verdicts(name)[1:] == (findings, unjudged)


def test_tracee_s_own_events_are_judged_alike_as_fields() -> None:
    def found(payload: Any) -> int:
        findings: list[Any] = []
        signature = IllegitimateShell(EVENTS)
        signature.init(SignatureContext(findings.append))
        signature.on_event(payload)
        return len(findings)

    total = 0
    for line in written("tracee").splitlines():
        payload = json.loads(line)
        event = canonical_event(payload)
        assert event is not None
        assert found(event.as_tracee()) == found(payload)
        total += found(payload)
    assert total == 14


def test_arguments_in_tracee_s_shape_are_whole_or_left_out() -> None:
    def argv(name: str) -> Any:
        event = canonical_event(last_line(name, replace(SHELL, argv=["sh", "-c", "a b"])))
        assert event is not None
        found = [arg["value"] for arg in event.as_tracee()["args"] if arg["name"] == "argv"]
        return found[0] if found else None

    whole = {name for name in WRITERS if argv(name) == ["sh", "-c", "a b"]}
    assert whole == {"tracee-v1beta1", "tracee-grpc", "elastic-defend", "auditbeat", "laurel"}
    assert {name for name in WRITERS if argv(name) is None} == set(WRITERS) - whole


@pytest.mark.parametrize(
    ("keys", "origin"),
    [
        ({}, "host"),
        ({"containerId": "c"}, "container-init"),
        ({"container": {"id": "c"}}, "container-init"),
        ({"container": {"id": "c"}, "contextFlags": {"containerStarted": False}}, "container-init"),
        ({"container": {"id": "c"}, "contextFlags": {"containerStarted": True}}, "container"),
        ({"contextFlags": {"containerStarted": True}}, "container"),
    ],
)
def test_the_origin_of_a_tracee_event_is_what_it_always_was(keys: Any, origin: str) -> None:
    event = canonical_event(OLD | keys)
    assert event is not None
    assert event.selector() == event_of(OLD | keys).headers.selector
    assert event.selector() == SignatureEventSelector("tracee", SCHED_PROCESS_EXEC, origin)


@pytest.mark.parametrize(
    ("name", "source", "container", "origin"),
    [
        ("tetragon", "tetragon", "0f5c1e", "container"),
        ("falco", "falco", "", "host"),
        ("tracee-v1beta1", "tracee", "0f5c1e", "container"),
        ("tracee-grpc", "tracee", "", "host"),
    ],
)
def test_selectors(name: str, source: str, container: str, origin: str) -> None:
    event = canonical_event(last_line(name, replace(SHELL, container=container)))
    assert event is not None
    assert event.selector() == SignatureEventSelector(source, SCHED_PROCESS_EXEC, origin)


def test_a_line_is_recognised_by_its_sensor_s_marks() -> None:
    def recognised(line: Any) -> str | None:
        dialect = dialect_of(line)
        return None if dialect is None else dialect.name

    for name in WRITERS:
        assert recognised(last_line(name)) == name
    assert recognised({"eventName": "open"}) == "tracee"
    assert recognised({"name": "open", "workload": {}}) == "tracee-v1beta1"
    assert recognised({"process_kprobe": {}}) == "tetragon"
    assert recognised({"output_fields": {}, "rule": "x"}) == "falco"
    assert recognised({"name": "process_events", "columns": {}, "hostIdentifier": "x"}) is None
    assert recognised({}) is None


def test_what_a_line_looks_like() -> None:
    assert describe_line(last_line("falco")) == "Falco, sched_process_exec"
    assert describe_line({"eventName": "open"}) == (
        "Tracee, an event that illshell does not read: keys eventName"
    )
    osquery = {"name": "x", "hostIdentifier": "x", "columns": {}}
    assert describe_line(osquery) == "of no known dialect: keys name, hostIdentifier, columns"
    assert describe_line([]) == "no JSON object but list"
    assert describe_line({}) == "of no known dialect: no keys"
    hostile = {"\x1b[31m": 1, "a" * 99: 1} | {f"k{n}": 1 for n in range(9)}
    assert describe_line(hostile) == (
        f"of no known dialect: keys '\\x1b[31m', {'a' * 40}..., k0, k1, k2, k3, k4, k5 and 3 more"
    )
    failed = last_line("laurel")
    failed["SYSCALL"]["success"] = "no"
    assert describe_line(failed).startswith("laurel (Linux audit), an event that illshell does not")


def test_what_can_t_be_known() -> None:
    tetragon, auditbeat = choose_dialects(["tetragon", "auditbeat"])
    assert lacking(auditbeat, "exec", ["comm", "tid"]) == ["tid"]
    assert lacking(tetragon, SCHED_PROCESS_EXEC, ["comm", "prev_comm", "interp"]) == ["interp"]


@pytest.mark.parametrize(
    ("file", "dialect", "findings"),
    [("tracee-main.jsonl", "tracee-v1beta1", 4), ("tracee-main-grpc.jsonl", "tracee-grpc", 1)],
)
def test_real_lines_give_tracee_s_own_findings(file: str, dialect: str, findings: int) -> None:
    def place(event: dict[str, Any]) -> tuple[str, int]:
        return event["timestamp"], event["workload"]["process"]["host_pid"]

    found: list[Any] = []
    signature = IllegitimateShell([SCHED_PROCESS_EXEC])
    signature.init(SignatureContext(found.append))
    of_tracee, of_illshell = set(), set()
    for line in (DATA / file).read_text().splitlines():
        payload = json.loads(line)
        printed = payload.get("event", payload)
        event = canonical_event(payload)
        if printed["name"] == "illegitimate_shell":
            assert event is None
            of_tracee.add(place(printed))
            continue
        assert event is not None
        assert (event.dialect.name, event.event_name) == (dialect, printed["name"])
        before = len(found)
        signature.on_event(event.as_tracee())
        if len(found) > before:
            of_illshell.add(place(printed))
    assert of_illshell == of_tracee
    assert len(of_tracee) == findings
