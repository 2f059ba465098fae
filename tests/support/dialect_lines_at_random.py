"""Strategies for lines of every dialect, most of them nearly right, for readers to agree on."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st
from write_dialects import WRITERS, Exec, execs_of

from illshell.model.fields import PLACED_FIELDS

ROW = {
    "ts": 5.25,
    "pid": 4242,
    "ppid": 700,
    "comm": "sh",
    "prev_comm": "nginx",
    "filename": "/bin/sh",
    "interp": "/bin/sh",
    "prev_exe": "/usr/sbin/nginx",
    "ancestors": [{"pid": 700, "comm": "nginx", "exe": "/usr/sbin/nginx"}],
}
JUNK: list[Any] = [
    None, True, False, 0, -1, 5, 2**31, 2**63 - 1, 2**63, -(2**63), 4294967295, 1.5, 1e300, "", "-",
    "5", "-7", "9223372036854775808", "sh", "/usr/bin/dash", "/bin/", "ééééééééé", "<NA>", "<enomem>",
    "host", "08:02", "containerd://0f5c1e", "1769940000.105:812", "2026-02-01T10:00:00.1Z",
    "1969-12-31T23:59:60+01:00", [], ["sh"], ["sh", 5], [None], [5, {"name": "pathname"}], {},
    {"name": "x"}, {"value": []}, [{"name": "prev_comm", "str": "nginx", "value": "httpd"}],
]  # fmt: skip


def _lines() -> list[dict[str, Any]]:
    (plain,) = execs_of([ROW])
    full = Exec(
        **{name: getattr(plain, name) for name in ("time", "pid", "parent_pid", "comm")},
        **{name: getattr(plain, name) for name in ("prev_comm", "filename", "pathname")},
        **{name: getattr(plain, name) for name in ("prev_exe", "parent_comm", "parent_exe")},
        argv=["sh", "-c", "id"],
        cwd="/srv",
        uid=33,
        container="0f5c1e",
        image="php:8",
        inode=7,
        start=3,
    )
    lines = [line for each in (plain, full) for write in WRITERS.values() for line in write(each)]
    old = {
        "timestamp": 5,
        "hostProcessId": 4242,
        "hostParentProcessId": 700,
        "processName": "sh",
        "processEntityId": 7,
        "container": {"id": "0f5c1e"},
        "args": [
            {"name": "pathname", "type": "string", "value": "/bin/sh"},
            {"name": "argv", "type": "[]string", "value": ["sh", "-c"]},
            {"name": "prev_comm", "type": "string", "value": "nginx"},
            {"name": "child_pid", "type": "int", "value": 9},
        ],
    }
    names = ("security_bprm_check", "sched_process_exec", "sched_process_fork", "open")
    lines += [{**old, "eventName": name} for name in names]
    return [json.loads(json.dumps(line)) for line in lines]


LINES = _lines()


@st.composite
def _changed(draw: st.DrawFn) -> dict[str, Any]:
    """A line with up to three values replaced, removed or added."""
    line = copy.deepcopy(draw(st.sampled_from(LINES)))
    for _ in range(draw(st.integers(0, 3))):
        place: Any = line
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            inner = place[key]
            if isinstance(inner, (dict, list)) and inner and draw(st.integers(0, 3)):
                place = inner
                continue
            change = draw(st.sampled_from(["replace", "remove", "insert"]))
            if change == "remove":
                del place[key]
            elif change == "replace" or isinstance(place, dict):
                place[key] = copy.deepcopy(draw(st.sampled_from(JUNK)))
            else:
                place.insert(key, copy.deepcopy(draw(st.sampled_from(JUNK))))
            break
    return line


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        return {prefix: value}
    return {
        name: inner
        for key, each in value.items()
        for name, inner in _flat(each, f"{prefix}.{key}" if prefix else key).items()
    }


def _twice(text: str) -> str:
    """The text with its last member of the line once more, in front."""
    line = json.loads(text)
    if not line:
        return text
    key = list(line)[-1]
    return "{" + json.dumps(key) + ":" + json.dumps(JUNK[5:9]) + "," + text[1:]


_RENDERINGS = [
    lambda line: json.dumps(line, separators=(",", ":")),
    json.dumps,
    lambda line: json.dumps(line, ensure_ascii=False, sort_keys=True, separators=(",", ":")),
    lambda line: json.dumps(_flat(line), separators=(",", ":")),
    lambda line: json.dumps(line).replace("exec", "\\u0065xec").replace("comm", "\\u0063omm"),
    lambda line: json.dumps(line).replace("/", "\\/"),
    lambda line: _twice(json.dumps(line, separators=(",", ":"))),
]

dialect_lines: st.SearchStrategy[bytes] = st.builds(
    lambda line, render: render(line).encode(), _changed(), st.sampled_from(_RENDERINGS)
)
"""Lines of JSON, each an object."""

field_lists: st.SearchStrategy[list[str]] = st.one_of(
    st.just(["event_name", *PLACED_FIELDS]),
    st.just(["event_name", "comm", "pathname", "prev_comm"]),
    st.lists(st.sampled_from(["event_name", *PLACED_FIELDS]), unique=True, max_size=6),
)
"""Columns of a projection."""
