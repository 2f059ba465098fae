"""The signature on decoded events: Tracee's semantics to the letter, in the core and its twin."""

from __future__ import annotations

import threading
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracee_events import argument, bprm_check, process_exec

import illshell
from illshell.model import errors
from illshell.model.event import Event, EventHeaders, SignatureEventSelector
from illshell.model.finding import Finding
from illshell.model.signature import Signature, SignatureContext
from illshell.signatures.illegitimate_shell import reference
from illshell.signatures.illegitimate_shell.names import (
    EVENTS,
    SCHED_PROCESS_EXEC,
    SECURITY_BPRM_CHECK,
    SHELLS,
    WEB_SERVERS,
)


def judge(implementation: Any, event: Any, events: Any = EVENTS) -> list[Finding]:
    found: list[Finding] = []
    signature = implementation.IllegitimateShell(events)
    signature.init(SignatureContext(found.append))
    signature.on_event(event)
    return found


def test_metadata_is_exact_and_nobodys_to_spoil(implementation: Any) -> None:
    signature = implementation.IllegitimateShell()
    metadata = signature.get_metadata()
    assert metadata.id == "TRC-1016"
    assert metadata.version == "1"
    assert metadata.name == "Web server spawned a shell"
    assert metadata.event_name == "illegitimate_shell"
    assert metadata.description == (
        "A web-server program on your server spawned a shell program. Shells are command-line tools, "
        "and it's unconventional for web servers to initiate them. This alert might point to a "
        "malicious actor leveraging a web server to execute commands on the server."
    )
    assert metadata.tags is None
    assert metadata.properties == {
        "Severity": 2,
        "Category": "initial-access",
        "Technique": "Exploit Public-Facing Application",
        "Kubernetes_Technique": "N/A",
        "id": "attack-pattern--3f886f2a-874f-4333-b794-aa6075009b1c",
        "external_id": "T1190",
    }
    metadata.properties["Severity"] = 4
    assert signature.get_metadata().properties["Severity"] == 2
    [finding] = judge(implementation, bprm_check("nginx", "/bin/sh"))
    finding.sig_metadata.properties.clear()
    assert signature.get_metadata().properties["Severity"] == 2


def test_selects_bprm_check_by_default(implementation: Any) -> None:
    assert implementation.IllegitimateShell().get_selected_events() == [
        SignatureEventSelector("tracee", "security_bprm_check", "*")
    ]
    assert [s.name for s in implementation.IllegitimateShell(EVENTS).get_selected_events()] == [
        "security_bprm_check",
        "sched_process_exec",
    ]


def test_the_lists_are_tracees() -> None:
    assert set(WEB_SERVERS) == {
        "nginx", "httpd", "httpd-foregroun", "http-nio", "lighttpd", "apache", "apache2",
    }  # fmt: skip
    assert set(SHELLS) == {"ash", "bash", "csh", "ksh", "sh", "tcsh", "zsh", "dash"}


@pytest.mark.parametrize("web_server", WEB_SERVERS)
@pytest.mark.parametrize("shell", SHELLS)
def test_every_pair_is_found_in_both_events(
    implementation: Any, web_server: str, shell: str
) -> None:
    for event in (bprm_check(web_server, f"/bin/{shell}"), process_exec(web_server, shell)):
        [finding] = judge(implementation, event)
        assert finding.event is event
        assert finding.data is None


@pytest.mark.parametrize(
    ("comm", "pathname", "hit"),
    [
        ("nginx", "/sh", True),
        ("nginx", "//sh", True),
        ("nginx", "bin/sh", True),
        ("nginx", "/a b/ü/sh", True),
        ("nginx", "sh", False),
        ("nginx", "", False),
        ("nginx", "/", False),
        ("nginx", "/x/sh/", False),
        ("nginx", "/bin/SH", False),
        ("nginx", "/bin/sh ", False),
        ("nginx", "/bin/sh\0", False),
        ("nginx", "/bin/nosh", False),
        ("nginx", "/bin/bash5", False),
        ("nginx", "/usr/bin/python3", False),
        ("Nginx", "/bin/sh", False),
        ("nginx ", "/bin/sh", False),
        ("nginx\0", "/bin/sh", False),
        ("", "/bin/sh", False),
        ("http-nio-8080-e", "/bin/sh", False),
        ("httpd-foregroun", "/bin/sh", True),
        ("httpd-foreground", "/bin/sh", False),
        ("httpd-foregrou", "/bin/sh", False),
        ("bash", "/bin/sh", False),
    ],
)
def test_bprm_check_names(implementation: Any, comm: str, pathname: str, *, hit: bool) -> None:
    assert bool(judge(implementation, bprm_check(comm, pathname))) is hit


@pytest.mark.parametrize(
    ("prev_comm", "comm", "hit"),
    [
        ("apache2", "sh", True),
        ("apache2", "/sh", False),
        ("apache2", "/bin/sh", False),
        ("apache2", "t.sh", False),
        ("apache2", "", False),
        ("apache2", "bash5", False),
        ("jspawnhelper", "sh", False),
        ("sh", "apache2", False),
        ("", "sh", False),
    ],
)
def test_process_exec_names(implementation: Any, prev_comm: str, comm: str, *, hit: bool) -> None:
    assert bool(judge(implementation, process_exec(prev_comm, comm))) is hit


NOT_FOUND = (errors.ArgumentNotFoundError, "argument {} not found")
NOT_INITIALIZED = (errors.ArgumentNotInitializedError, "argument {} is not initialized")

ARGUMENT_ERRORS = [
    ([], *NOT_FOUND),
    (None, *NOT_FOUND),
    ([argument("other", "x")], *NOT_FOUND),
    ([{"type": "string", "value": "x"}], *NOT_FOUND),
    ([{"name": 5, "value": "x"}], *NOT_FOUND),
    ([argument("{}", None)], *NOT_INITIALIZED),
    ([{"name": "{}", "type": "string"}], *NOT_INITIALIZED),
    ([argument("{}", None), argument("{}", "x")], *NOT_INITIALIZED),
    ("text", errors.InvalidEventError, "invalid event: args is of type string, not array"),
    ({"name": "{}"}, errors.InvalidEventError, "invalid event: args is of type object, not array"),
    ([7], errors.InvalidEventError, "invalid event: args[0] is of type number, not object"),
    (
        [argument("a", 1), None],
        errors.InvalidEventError,
        "invalid event: args[1] is of type null, not object",
    ),
]


def fill(args: Any, name: str) -> Any:
    if isinstance(args, list):
        return [
            {k: name if v == "{}" else v for k, v in a.items()} if isinstance(a, dict) else a
            for a in args
        ]
    return args


@pytest.mark.parametrize(("args", "error", "text"), ARGUMENT_ERRORS)
@pytest.mark.parametrize(
    ("event", "name"),
    [(bprm_check("nginx", ""), "pathname"), (process_exec("", "anything"), "prev_comm")],
    ids=["bprm_check", "exec"],
)
def test_argument_errors(
    implementation: Any, event: Any, name: str, args: Any, error: Any, text: str
) -> None:
    with pytest.raises(error) as caught:
        judge(implementation, {**event, "args": fill(args, name)})
    assert str(caught.value) == text.format(name)
    assert isinstance(caught.value, errors.IllshellError)


@pytest.mark.parametrize(
    ("value", "kind", "go_type"),
    [
        (5, "int32", "int32"),
        (5, "int", "int32"),
        (5, "unsigned long", "uint64"),
        (5, "dev_t", "uint32"),
        (5, "umode_t", "uint16"),
        (5, None, "float64"),
        (True, "bool", "bool"),
        (["/bin/sh"], "[]string", "[]interface {}"),
        ({}, "unknown", "map[string]interface {}"),
    ],
)
def test_a_wrong_type_is_an_error_in_tracees_words(
    implementation: Any, value: Any, kind: Any, go_type: str
) -> None:
    wrong = {"args": [argument("pathname", value, kind), argument("prev_comm", value, kind)]}
    with pytest.raises(errors.ArgumentTypeError) as caught:
        judge(implementation, {**bprm_check("nginx", ""), **wrong})
    assert str(caught.value) == "can't convert argument pathname to string"
    with pytest.raises(errors.ArgumentTypeError) as caught:
        judge(implementation, {**process_exec("nginx", "sh"), **wrong})
    assert str(caught.value) == (
        f"can't convert argument prev_comm to string (argument is of type {go_type})"
    )


def test_pathname_is_read_only_after_the_comm_matched(implementation: Any) -> None:
    assert judge(implementation, {**bprm_check("bash", ""), "args": None}) == []


def test_prev_comm_is_read_first(implementation: Any) -> None:
    with pytest.raises(errors.ArgumentNotFoundError):
        judge(implementation, {**process_exec("", "not a shell"), "args": []})


def test_the_first_argument_of_a_name_wins(implementation: Any) -> None:
    first, second = argument("pathname", "/bin/cat"), argument("pathname", "/bin/sh")
    event = bprm_check("nginx", "")
    assert judge(implementation, {**event, "args": [first, second]}) == []
    assert len(judge(implementation, {**event, "args": [second, first, 5]})) == 1


@pytest.mark.parametrize(
    "name", ["open", "", None, 5, [], "security_bprm_check2", "SCHED_PROCESS_EXEC"]
)
def test_other_events_are_ignored(implementation: Any, name: Any) -> None:
    assert judge(implementation, {"eventName": name, "processName": 7, "args": 7}) == []
    assert judge(implementation, {"processName": "nginx"}) == []


def test_only_the_selected_events_are_judged(implementation: Any) -> None:
    check, execution = bprm_check("nginx", "/bin/sh"), process_exec("nginx", "sh")
    assert not judge(implementation, execution, (SECURITY_BPRM_CHECK,))
    assert not judge(implementation, check, (SCHED_PROCESS_EXEC,))
    assert judge(implementation, check, (SECURITY_BPRM_CHECK,))
    assert judge(implementation, execution, (SCHED_PROCESS_EXEC,))


@pytest.mark.parametrize("event", [None, 5, "event", b"{}", [], object()])
def test_what_is_no_event_is_invalid(implementation: Any, event: Any) -> None:
    headers = EventHeaders(SignatureEventSelector("tracee", "security_bprm_check", "host"))
    for given_event in (event, Event(headers, event)):
        with pytest.raises(errors.InvalidEventError, match=r"^invalid event$"):
            judge(implementation, given_event)


@pytest.mark.parametrize(("comm", "json_type"), [(5, "number"), ([], "array"), (True, "boolean")])
def test_a_process_name_that_is_no_string_is_invalid(
    implementation: Any, comm: Any, json_type: str
) -> None:
    for event in (bprm_check(comm, "/bin/sh"), process_exec("nginx", comm)):
        with pytest.raises(errors.InvalidEventError, match=f"processName is of type {json_type}"):
            judge(implementation, event)


def test_a_missing_process_name_is_empty(implementation: Any) -> None:
    for comm in ({}, {"processName": None}):
        assert not judge(implementation, {"eventName": SECURITY_BPRM_CHECK, "args": 5, **comm})


def test_the_finding_carries_the_very_event(implementation: Any) -> None:
    payload = bprm_check("nginx", "/bin/sh")
    headers = EventHeaders(SignatureEventSelector("tracee", "security_bprm_check", "host"))
    for event in (payload, Event(headers, payload), Event(headers, MappingProxyType(payload))):
        [finding] = judge(implementation, event)
        assert finding.event is event


def test_mappings_of_any_kind_are_payloads(implementation: Any) -> None:
    class Payload(dict[str, Any]):
        pass

    payload = bprm_check("nginx", "/bin/sh")
    payload["args"] = tuple(MappingProxyType(arg) for arg in payload["args"])
    assert judge(implementation, MappingProxyType(payload))
    assert judge(implementation, Payload(payload))


def test_init_close_and_close_again(implementation: Any) -> None:
    found: list[Finding] = []
    signature = implementation.IllegitimateShell()
    event = bprm_check("nginx", "/bin/sh")
    with pytest.raises(errors.IllshellError, match="before init"):
        signature.on_event(event)
    signature.init(SignatureContext(found.append))
    signature.on_signal("anything")
    signature.close()
    signature.close()
    signature.on_event(event)
    signature.on_event("no event at all")
    assert not found
    signature.init(SignatureContext(found.append))
    signature.on_event(event)
    assert len(found) == 1


def test_other_names_can_be_given(implementation: Any) -> None:
    signature = implementation.IllegitimateShell(web_servers=["caddy"], shells=["fish"])
    found: list[Finding] = []
    signature.init(SignatureContext(found.append))
    signature.on_event(bprm_check("caddy", "/usr/bin/fish"))
    signature.on_event(bprm_check("nginx", "/usr/bin/fish"))
    signature.on_event(bprm_check("caddy", "/usr/bin/sh"))
    assert len(found) == 1


def test_names_that_nothing_can_have_are_refused() -> None:
    for wrong in ([], [""], ["a" * 16], ["a\0b"]):
        with pytest.raises(ValueError, match=r"name"):
            illshell.IllegitimateShell(web_servers=wrong)
    with pytest.raises(ValueError, match="slash"):
        illshell.IllegitimateShell(shells=["bin/sh"])
    with pytest.raises(ValueError, match="none of security_bprm_check, sched_process_exec"):
        illshell.IllegitimateShell(["open"])


def test_engines_can_type_against_the_protocol(implementation: Any) -> None:
    assert isinstance(implementation.IllegitimateShell(), Signature)


def test_many_threads_share_a_signature() -> None:
    found: list[Finding] = []
    signature = illshell.IllegitimateShell(EVENTS)
    signature.init(SignatureContext(found.append))
    events = [bprm_check("nginx", "/bin/sh"), process_exec("nginx", "cat")] * 500
    threads = [
        threading.Thread(target=lambda: [signature.on_event(event) for event in events])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 * 500


COMMS = st.sampled_from([*WEB_SERVERS, *SHELLS, "", "nginx\0", "http-nio-8080-e", None, 5])
PATHS = st.sampled_from(["/bin/sh", "sh", "/x/sh/", "//sh", "/bin/nosh", "", None, 7, ["/bin/sh"]])
ARGS = st.lists(
    st.one_of(
        st.builds(argument, st.sampled_from(["pathname", "prev_comm", "x", None]), PATHS | COMMS),
        st.sampled_from([{}, {"name": "pathname"}, 5, None, "x"]),
    ),
    max_size=4,
)
EVENTS_AT_RANDOM = st.fixed_dictionaries(
    {},
    optional={
        "eventName": st.sampled_from([*EVENTS, "open", None]),
        "processName": COMMS,
        "args": ARGS | st.sampled_from([None, 5, "x", {}]),
    },
)


@given(EVENTS_AT_RANDOM)
def test_core_and_twin_agree(event: dict[str, Any]) -> None:
    outcomes = []
    for implementation in (illshell, reference):
        try:
            outcomes.append([f.event for f in judge(implementation, event)])
        except errors.IllshellError as error:
            outcomes.append((type(error), str(error)))
    assert outcomes[0] == outcomes[1]
