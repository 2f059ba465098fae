import json

import make_lab_events
import pytest
from task_streams import Stream

from illshell.model.errors import IllshellError, InvalidEventError
from illshell.model.event import Event, EventHeaders
from illshell.model.event import SignatureEventSelector as Selector
from illshell.model.signature import Signature, SignatureContext, SourceComplete
from illshell.signatures.exceptions import Exceptions
from illshell.signatures.illegitimate_shell.names import EVENTS
from illshell.signatures.name_lists import NameLists
from illshell.signatures.shell_below_web_server.rules import EXPLANATIONS, RULES
from illshell.signatures.shell_below_web_server.signature import Options, ShellBelowWebServer

DONE = SourceComplete("tracee")


def found_in(events, options=None, **more):
    findings = []
    signature = ShellBelowWebServer(options, **more)
    signature.init(SignatureContext(findings.append))
    for event in events:
        signature.on_event(event)
    signature.on_signal(DONE)
    return findings


def whys(events, options=None):
    return [
        (
            "+".join(why["rules"]),
            why["evidence"],
            [(link["pid"], link["name"]) for link in why["chain"]],
        )
        for finding in found_in(events, options)
        for why in [finding.data["why"]]
    ]


def test_it_is_a_signature():
    signature = ShellBelowWebServer()
    assert isinstance(signature, Signature)
    metadata = signature.get_metadata()
    assert (metadata.id, metadata.event_name) == ("ILL-1001", "shell_below_web_server")
    assert metadata.properties["external_id"] == "T1190"
    assert metadata.properties is not signature.get_metadata().properties
    names = [selector.name for selector in signature.get_selected_events()]
    assert names == [
        "sched_process_exec",
        "security_bprm_check",
        "sched_process_fork",
        "sched_process_exit",
    ]
    assert EXPLANATIONS.keys() == RULES.keys()


# The capture

ROWS = make_lab_events.load_capture()
MISSES = {
    # Copied or linked under a harmless name; the capture has neither inodes nor resolved paths.
    "php-fpm.evade.kworker-copy",
    "php-fpm.evade.symlink-updatedb",
}


def lab_events(only=None):
    for number, row in enumerate(ROWS):
        for event in make_lab_events.events_of(row):
            if only is None or event["eventName"] == only:
                yield event | {"row": number}


@pytest.mark.parametrize("only", [None, "sched_process_exec"])
def test_the_capture(only):
    findings = found_in(lab_events(only))
    rows = [finding.event["row"] for finding in findings]
    assert len(set(rows)) == len(rows)  # one exec, one finding
    labels = {
        label: {i for i, row in enumerate(ROWS) if row["label"] == label}
        for label in (
            "shell_under_webserver",
            "startup_benign_shell",
            "cgi_script_shebang",
            "not_shell",
        )
    }
    assert labels["startup_benign_shell"] <= set(rows)
    assert not labels["cgi_script_shebang"] & set(rows)
    assert not labels["not_shell"] & set(rows)
    missed = {ROWS[row]["scenario"] for row in labels["shell_under_webserver"] - set(rows)}
    assert missed == MISSES
    assert all(finding.data["why"]["rules"] for finding in findings)


def test_what_is_exactly_excused_in_the_capture():
    text = "".join(
        f'[[exception]]\nreason = "{reason}"\nserver = "{server}"\nprogram = "{program}"\nwithin_start = 0.5\n'
        for reason, server, program in (
            ("piped logs", "apache2", "/bin/sh"),
            ("include_shell in lighttpd.conf", "lighttpd", "/bin/bash"),
        )
    )
    excused = []
    findings = found_in(lab_events(), exceptions=Exceptions.parse(text), on_excused=excused.append)
    labels = [ROWS[finding.event["row"]]["label"] for finding in excused]
    assert labels == ["startup_benign_shell"] * 3
    assert excused[0].data["excused"] == "piped logs"
    assert excused[0].data["why"]["server"]["name"] == "apache2"
    assert {ROWS[finding.event["row"]]["label"] for finding in findings} == {
        "shell_under_webserver"
    }


def test_what_the_exact_signature_reports_is_not_reported_twice():
    alone = found_in(lab_events())
    beside = found_in(lab_events(), Options(exact_events=EVENTS))
    exact = {finding.event["row"] for finding in alone} - {
        finding.event["row"] for finding in beside
    }
    assert exact == {
        i
        for i, row in enumerate(ROWS)
        if row["prev_comm"] in {"apache2", "lighttpd"} and row["comm"] in {"sh", "bash"}
    }


def test_every_event():
    once = found_in(lab_events())
    twice = found_in(lab_events(), Options(every_event=True))
    names = [finding.event["eventName"] for finding in twice]
    assert names.count("sched_process_exec") == len(once)
    assert names.count("security_bprm_check") > 20


# Names, and who descends from whom

WORKER = ("php-fpm8.2", 20)


@pytest.mark.parametrize(
    ("after", "path", "more", "rules"),
    [
        ("sh", "/bin/sh", {}, "shell-name"),
        ("bash5", "/opt/bash5", {}, "shell-version"),
        ("updatedb", "/usr/bin/dash", {"cmdpath": "/tmp/updatedb", "interp": "/tmp/updatedb"}, "shell-path"),
        ("6", "/proc/self/fd/6", {}, "descriptor-path"),
        ("6", "/proc/77/task/78/fd/6", {}, "descriptor-path"),
        ("6", "/dev/fd/6", {}, "descriptor-path"),
        ("exe", "/proc/77/exe", {}, "descriptor-path"),
        ("memfd:x", "memfd:x", {"cmdpath": "/dev/fd/3", "interp": "/dev/fd/3"}, "memfd"),
        ("x", "/memfd:x (deleted)", {}, "memfd+deleted-file"),
        ("x", "/tmp/x (deleted)", {}, "deleted-file"),
        ("ld-linux-x86-64", "/lib64/ld-linux-x86-64.so.2", {"argv": ["ld.so", "/bin/dash"]}, "loader"),
        ("ld", "/usr/lib/ld-linux-x86-64.so.2", {}, "loader"),
        ("busybox", "/bin/busybox", {"argv": ["busybox", "sh", "-c", "id"]}, "multi-call"),
        ("busybox", "/bin/busybox", {"argv": ["/bin/busybox", "/bin/ash"]}, "multi-call"),
        ("busybox", "/bin/busybox", {}, "multi-call"),
        ("sh", "/bin/busybox", {"argv": ["sh", "-c", "id"]}, "shell-name"),
    ],
)  # fmt: skip
def test_a_shell_by_each_rule(after, path, more, rules):
    stream = Stream()
    stream.exec(30, WORKER[1], WORKER[0], after, path, **more)
    assert [why[0] for why in whys(stream.events)] == [rules]
    disabled = Options(disabled_rules=frozenset(rules.split("+")))
    assert whys(stream.events, disabled) == []
    elsewhere = Stream()
    elsewhere.exec(30, 20, "bash", after, path, **more)
    assert whys(elsewhere.events) == []


@pytest.mark.parametrize(
    ("after", "path", "more"),
    [
        ("id", "/usr/bin/id", {}),
        ("id", "/usr/bin/id", {"cmdpath": "/dev/fd/3", "interp": "/dev/fd/3"}),
        ("t.sh", "/bin/sh", {"cmdpath": "/cgi/t.sh", "interp": "/bin/sh"}),
        ("sh", "/bin/dash", {"cmdpath": "/cgi/sh", "interp": "/bin/sh"}),
        ("updatedb", "/usr/bin/dash", {"cmdpath": "", "interp": ""}),  # a script, or a link?
        ("busybox", "/bin/busybox", {"argv": ["busybox", "ls"]}),
        ("ls", "/bin/busybox", {"argv": ["ls"]}),
        ("exe", "/proc/self/exe", {}),
        ("fd", "/proc/self/fd/x", {}),
    ],
)
def test_what_is_no_shell(after, path, more):
    stream = Stream()
    stream.exec(30, WORKER[1], WORKER[0], after, path, **more)
    assert whys(stream.events) == []


def test_any_number_of_programs_between():
    stream = Stream()
    stream.exec(30, 20, "php-fpm8.2", "setsid")
    stream.exec(30, 20, "setsid", "timeout")
    stream.exec(31, 30, "timeout", "perl")
    stream.exec(32, 31, "systemd", "env")  # renamed itself before it executed
    stream.exec(32, 31, "env", "zsh")
    assert whys(stream.events) == [
        (
            "shell-name",
            "same-task",
            [(20, "php-fpm8.2"), (30, "timeout"), (31, "perl"), (32, "env"), (32, "zsh")],
        )
    ]


def test_a_task_whose_parent_died_stays_below():
    stream = Stream()
    stream.exec(30, 20, "nginx", "python3")
    stream.exec(31, 30, "python3", "python3")
    stream.exec(31, 1, "python3", "bash")
    assert len(whys(stream.events)) == 1


def test_a_helper_of_java_and_its_threads():
    stream = Stream()
    stream.exec(10, 1, "(java)", "java", argv=["java", "-jar", "app.jar"])  # it may be anything
    stream.exec(30, 10, "pool-1-thread-1", "jspawnhelper")
    stream.exec(30, 10, "jspawnhelper", "sh")
    assert whys(stream.events) == []
    stream.exec(31, 10, "http-nio-8080-e", "jspawnhelper")  # now it is known
    stream.exec(32, 10, "pool-1-thread-1", "jspawnhelper")
    stream.exec(32, 10, "jspawnhelper", "sh")
    assert whys(stream.events)[0][2] == [(10, "http-nio-8080-e"), (32, "jspawnhelper"), (32, "sh")]


@pytest.mark.parametrize(
    ("before", "comm", "argv", "found"),
    [
        ("(node)", "node", None, True),
        ("python3", "node", None, True),
        ("bash", "node", None, False),
        ("sh", "node", None, False),
        ("node", "node", None, False),
        ("", "node", None, False),
        ("(node)", "node", ["node", "job.js"], False),
        ("bash", "node", ["node", "server.js"], True),
        ("(php)", "php8.2", None, True),
        ("cron", "php8.2", ["php", "cron.php"], False),
        ("python3", "python3", None, False),
        ("(uvicorn)", "uvicorn", None, True),
        ("(busybox)", "busybox", None, False),
        ("(busybox)", "busybox", ["busybox", "httpd"], True),
    ],
)
def test_when_a_runtime_is_a_server(before, comm, argv, found):
    stream = Stream()
    stream.exec(10, 1, before, comm, argv=argv)
    stream.exec(30, 10, comm, "sh")
    assert (whys(stream.events) != []) is found


def test_a_runtime_whose_start_was_not_seen_is_no_server():
    stream = Stream()
    stream.exec(30, 10, "node", "sh")
    assert whys(stream.events) == []
    names = NameLists.default().with_changes([("web_server", "+node")])
    assert len(whys(stream.events, Options(names=names))) == 1


def test_a_worker_becomes_known_by_two_children():
    stream = Stream()
    stream.exec(30, 20, "php-fpm8.2", "convert")
    stream.exec(31, 20, "kworker/0", "sh")
    assert whys(stream.events) == []
    stream.exec(32, 20, "php-fpm8.2", "convert")
    stream.exec(33, 20, "kworker/0", "sh")
    assert [why[2] for why in whys(stream.events)] == [[(20, "php-fpm8.2"), (33, "sh")]]


@pytest.mark.parametrize("parent", [0, 1, 2])
def test_init_is_no_server(parent):
    stream = Stream()
    for pid in range(30, 40):
        stream.exec(pid, parent, "nginx", "convert")
    stream.exec(50, parent, "cron", "sh")
    assert whys(stream.events) == []


def test_a_program_that_renamed_itself_makes_its_parent_no_server():
    stream = Stream()
    for pid in range(30, 40):
        stream.exec(pid, 20, "bash", "python3")
        stream.exec(pid, 20, "nginx", "convert")
    stream.exec(50, 20, "bash", "sh")
    assert whys(stream.events) == []


def test_forks_are_followed():
    stream = Stream()
    stream.fork(20, 10, "nginx")
    stream.exec(30, 20, "xxx", "cat")
    stream.fork(31, 30, "cat")
    stream.fork(32, 31, "cat", child_tid=33)  # a thread
    stream.fork(33, 31, "cat")
    stream.exec(40, 33, "yyy", "sh")
    assert whys(stream.events) == [
        ("shell-name", "parent", [(20, "nginx"), (30, "cat"), (31, "cat"), (33, "cat"), (40, "sh")])
    ]


# One exec, one finding


def test_the_events_of_one_exec_make_one_finding():
    stream = Stream()
    stream.check(30, 20, "nginx", "/usr/bin/dash")
    stream.exec(30, 20, "nginx", "sh", "/usr/bin/dash")
    stream.check(31, 20, "nginx", "/usr/bin/dash")
    stream.exec(31, 20, "nginx", "sh", "/usr/bin/dash")
    findings = found_in(stream.events)
    assert [(f.event["hostProcessId"], f.event["eventName"][:5]) for f in findings] == [
        (30, "secur"), (31, "sched"),
    ]  # fmt: skip


def test_checks_alone_are_judged_as_they_come():
    stream = Stream()
    stream.check(30, 20, "php-fpm8.2", "/usr/bin/setsid")
    stream.check(30, 20, "setsid", "/usr/bin/dash")
    stream.check(31, 30, "sh", "/usr/bin/timeout")
    stream.check(32, 31, "timeout", "/usr/bin/bash")
    assert [why[2] for why in whys(stream.events)] == [
        [(20, "php-fpm8.2"), (30, "setsid"), (30, "dash")],
        [(20, "php-fpm8.2"), (30, "dash"), (31, "timeout"), (32, "bash")],
    ]


def test_a_script_in_checks_alone():
    stream = Stream()
    stream.check(30, 20, "apache2", "/cgi/t.sh")
    stream.check(30, 20, "apache2", "/usr/bin/dash")
    stream.check(31, 30, "t.sh", "/usr/bin/id")
    assert whys(stream.events) == []


def test_an_exec_by_another_thread_than_the_leader():
    stream = Stream()
    stream.exec(9, 1, "x", "y")
    stream.check(30, 20, "nginx", "/usr/bin/dash", hostThreadId=35, threadStartTime=7)
    stream.exec(30, 20, "sh", "sh", "/usr/bin/dash", threadStartTime=5)
    assert whys(stream.events) == [("shell-name", "name-before-exec", [(20, "nginx"), (30, "sh")])]
    assert whys(stream.events[:1] + stream.events[2:]) == []  # only the check says nginx


def test_a_check_whose_exec_does_not_come_is_reported_late():
    stream = Stream()
    stream.exec(9, 1, "x", "y")
    check = stream.check(30, 20, "nginx", "/usr/bin/dash")
    stream.wait(6000)
    stream.exec(9, 1, "x", "y")
    (finding,) = found_in(stream.events)
    assert finding.event is check
    assert finding.data["why"]["late"] is True
    (finding,) = found_in(stream.events[:2])  # at the end of the stream
    assert finding.event is check


def test_a_late_exec_still_joins_its_reported_check():
    stream = Stream()
    stream.check(30, 20, "nginx", "/usr/bin/dash")
    stream.wait(4000)
    stream.exec(30, 20, "nginx", "sh", "/usr/bin/dash")
    assert len(found_in(stream.events)) == 1
    stream.exec(30, 20, "sh", "sh", "/usr/bin/dash")  # another exec
    assert len(found_in(stream.events)) == 2


# Order, and pids that are taken over


def test_a_shell_that_comes_before_what_it_descends_from():
    stream = Stream()
    first = stream.exec(30, 20, "php-fpm8.2", "timeout")
    second = stream.exec(31, 30, "timeout", "find")
    third = stream.exec(32, 31, "find", "sh")
    for order in ([third, second, first], [second, third, first], [third, first, second]):
        (finding,) = found_in(order)
        assert finding.event is third
        assert finding.data["why"]["late"] is (order[-1] is not third)
        assert [link["name"] for link in finding.data["why"]["chain"]] == [
            "php-fpm8.2", "timeout", "find", "sh",
        ]  # fmt: skip
    assert found_in([second, third]) == []


def test_what_is_later_than_the_window_is_too_late():
    stream = Stream()
    first = stream.exec(30, 20, "php-fpm8.2", "timeout")
    second = stream.exec(31, 30, "timeout", "sh")
    stream.wait(6000)
    third = stream.exec(99, 1, "a", "b")
    assert len(found_in([second, first, third])) == 1
    assert found_in([second, third, first]) == []


def test_a_task_changes_its_program_in_disorder():
    stream = Stream()
    first = stream.exec(30, 20, "php-fpm8.2", "setsid")
    second = stream.exec(30, 20, "setsid", "sh")
    third = stream.exec(31, 30, "sh", "bash")
    (a, b) = found_in([second, first, third])
    assert (a.event, b.event) == (second, third)
    assert [link["name"] for link in b.data["why"]["chain"]] == ["php-fpm8.2", "sh", "bash"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"processEntityId": 5}, {"processEntityId": 6}),
        ({"threadStartTime": 5}, {"threadStartTime": 6}),
        ({}, {}),
    ],
)
def test_a_pid_that_was_taken_over(before, after):
    stream = Stream()
    stream.exec(30, 20, "nginx", "cat", **before)
    stream.wait(60_000)
    stream.exec(30, 700, "cron", "run-parts", **after)
    stream.exec(31, 30, "run-parts", "sh")
    assert whys(stream.events) == []


def test_a_pid_that_was_taken_over_by_a_fork_without_exec():
    stream = Stream()
    stream.exec(30, 20, "nginx", "cat")
    stream.wait(60_000)
    stream.exec(31, 30, "bash", "sh")  # bash is not cat
    assert whys(stream.events) == []
    told = Stream()
    told.exec(30, 20, "nginx", "cat", processEntityId=5)
    told.exec(31, 30, "bash", "sh", parentEntityId=6)
    assert whys(told.events) == []
    told.exec(32, 30, "bash", "sh", parentEntityId=5)
    assert len(whys(told.events)) == 1


def test_an_exit_ends_a_task():
    stream = Stream()
    stream.exec(30, 20, "nginx", "cat")
    stream.exit(30, "cat")
    stream.exec(31, 30, "cat", "sh")
    assert whys(stream.events) == []


def test_a_child_that_comes_after_the_exit_of_its_parent():
    stream = Stream()
    first = stream.exec(30, 20, "nginx", "cat")
    second = stream.exec(31, 30, "cat", "sh")
    third = stream.exit(30, "cat")
    assert len(found_in([first, third, second])) == 1


def test_the_end_of_one_thread_is_not_the_end_of_its_process():
    stream = Stream()
    stream.exec(30, 20, "nginx", "cat")
    stream.exit(30, "cat", hostThreadId=33)
    stream.exec(31, 30, "cat", "sh")
    assert len(whys(stream.events)) == 1


def test_hosts_are_apart():
    one, other = Stream("a"), Stream("b")
    one.exec(30, 20, "nginx", "cat")
    other.exec(31, 30, "cat", "sh")
    assert whys(one.events + other.events) == []
    one.exec(31, 30, "cat", "sh")
    assert len(whys(one.events + other.events)) == 1


def test_a_time_far_ahead_costs_no_more_than_order():
    stream = Stream()
    stream.exec(99, 1, "a", "b", timestamp=(1 << 63) - 1)
    stream.exec(30, 20, "nginx", "cat")
    stream.exec(31, 30, "cat", "sh")
    assert len(whys(stream.events)) == 1
    for pid in range(100, 116):
        stream.exec(pid, 1, "a", "b")
    stream.check(32, 20, "nginx", "/usr/bin/dash")
    stream.exec(32, 20, "nginx", "sh", "/usr/bin/dash")
    assert len(whys(stream.events)) == 2


def test_without_times_and_pids():
    stream = Stream(timestamp=0)
    stream.exec(30, 20, "php-fpm8.2", "setsid")
    stream.exec(30, 20, "setsid", "sh")
    assert len(whys(stream.events)) == 1
    nothing = Stream()
    nothing.exec(0, 0, "nginx", "sh")
    nothing.exec(0, 0, "cat", "sh")
    assert len(whys(nothing.events)) == 1


# Files


def test_a_file_that_ran_as_a_shell():
    stream = Stream()
    stream.exec(9, 1, "cron", "sh", "/usr/bin/dash", dev=8, inode=77, ctime=5)
    stream.exec(30, 20, "nginx", "kworker", "/tmp/kworker", dev=8, inode=77, ctime=5)
    assert [why[0] for why in whys(stream.events)] == ["same-file"]
    assert whys(stream.events[1:]) == []
    changed = Stream()
    changed.exec(9, 1, "cron", "sh", "/usr/bin/dash", dev=8, inode=77, ctime=5)
    changed.exec(30, 20, "nginx", "php-helper", "/opt/php-helper", dev=8, inode=77, ctime=6)
    assert whys(changed.events) == []


def test_a_file_of_the_same_content():
    stream = Stream()
    stream.exec(9, 1, "cron", "bash", sha256="ab" * 32, dev=8, inode=1)
    stream.exec(30, 20, "nginx", "kworker", "/tmp/kworker", sha256="ab" * 32, dev=9, inode=2)
    assert [why[0] for why in whys(stream.events)] == ["same-hash"]


def test_a_multi_call_program_is_no_shell_under_its_other_names():
    stream = Stream()
    stream.exec(9, 1, "cron", "sh", "/bin/busybox", dev=8, inode=77)
    stream.exec(30, 20, "nginx", "ls", "/bin/busybox", dev=8, inode=77)
    assert whys(stream.events) == []
    links = Stream()  # paths that were not resolved
    links.exec(9, 1, "cron", "sh", "/bin/sh", dev=8, inode=77)
    for name in ("ls", "cat", "grep"):
        links.exec(10, 1, "cron", name, f"/bin/{name}", dev=8, inode=77)
    links.exec(30, 20, "nginx", "ls", "/bin/ls", dev=8, inode=77)
    assert whys(links.events) == []


# The signature as engines see it


def test_only_after_init_and_until_close():
    signature = ShellBelowWebServer()
    with pytest.raises(IllshellError, match="before init"):
        signature.on_event({})
    signature.on_signal(DONE)
    findings = []
    signature.init(SignatureContext(findings.append))
    stream = Stream()
    shell = stream.exec(30, 20, "nginx", "sh")
    event = Event(EventHeaders(Selector("tracee", "sched_process_exec", "host")), shell)
    signature.on_event(event)
    assert findings[0].event is event
    signature.close()
    signature.close()
    signature.on_event(event)
    assert len(findings) == 1


@pytest.mark.parametrize(
    "event",
    [
        None,
        3,
        "x",
        [],
        {"eventName": "sched_process_exec", "args": 3},
        {"eventName": "sched_process_exec", "args": [3]},
    ],
)
def test_what_is_no_event(event):
    signature = ShellBelowWebServer()
    signature.init(SignatureContext(print))
    with pytest.raises(InvalidEventError):
        signature.on_event(event)


@pytest.mark.parametrize("value", [None, 3.5, True, -1, 1 << 70, "30", [], {}])
def test_values_of_other_types_are_not_known(value):
    stream = Stream()
    for key in (
        "hostProcessId",
        "hostParentProcessId",
        "timestamp",
        "hostName",
        "processEntityId",
        "threadStartTime",
        "hostThreadId",
    ):
        stream.exec(30, 20, "nginx", "sh", **{key: value})
    stream.exec(30, 20, "nginx", value)
    stream.exec(30, 20, value, "sh")
    for event in stream.events:
        found_in([event, json.loads(json.dumps(event))])
    assert found_in([{"eventName": value}, {}]) == []


def test_options_that_can_not_be():
    with pytest.raises(ValueError, match="unknown rule 'x'; expected one of shell-name"):
        Options(disabled_rules=frozenset({"x"}))
    with pytest.raises(ValueError, match="unknown event 'x'"):
        Options(exact_events=("x",))
    with pytest.raises(ValueError, match="from 1 to"):
        ShellBelowWebServer(Options(max_tasks=0))
