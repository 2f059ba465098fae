"""Strategies for lines of JSON, most of them nearly right."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from tracee_events import argument, bprm_check, process_exec

VALUES: list[Any] = ["/bin/sh", "/bin/cat", "nginx", "sh", "ü\ud800", "", None, 5, ["/bin/sh"], {}]
JUNK: list[Any] = [None, 5, "x", True, [], {}, [1, {"name": "pathname", "value": "/bin/sh"}]]

_values = st.sampled_from(VALUES)
_args = st.one_of(
    st.lists(
        st.one_of(
            st.builds(argument, st.sampled_from(["pathname", "prev_comm", "argv", 5]), _values),
            st.sampled_from([{}, {"name": "pathname"}, {"value": "/bin/sh"}, 5, None]),
        ),
        max_size=3,
    ),
    st.sampled_from(JUNK),
)
_events = st.one_of(
    st.builds(bprm_check, st.sampled_from(["nginx", "apache2", "cat", 5, None]), _values),
    st.builds(process_exec, _values, st.sampled_from(["sh", "dash", "cat", 5, None])),
    st.fixed_dictionaries(
        {},
        optional={
            "eventName": st.sampled_from(
                ["security_bprm_check", "sched_process_exec", "open", None, 5]
            ),
            "processName": st.sampled_from([*VALUES, "apache2"]),
            "args": _args,
            "eventname": st.just("security_bprm_check"),
            "nested": st.just({"eventName": "sched_process_exec", "args": [1.5, -0, 1e-5]}),
        },
    ),
)


def _escape_letter(text: str) -> str:
    return text.replace("security_bprm", "\\u0073ecurity\\u005Fbprm").replace("args", "\\u0061rgs")


def _duplicate(text: str) -> str:
    return (
        text[:-1] + ',"eventName":"open","eventName":"sched_process_exec"}'
        if len(text) > 2
        else text
    )


RENDERINGS = [
    lambda event: json.dumps(event, separators=(",", ":")),
    lambda event: json.dumps(event, indent=None, ensure_ascii=True),
    lambda event: json.dumps(event, sort_keys=True).replace("/", "\\/"),
    lambda event: _escape_letter(json.dumps(event)),
    lambda event: _duplicate(json.dumps(event)),
    lambda event: json.dumps(event).replace(" ", "\t \r"),
]
DAMAGES = [
    lambda line: line[: len(line) // 2],
    lambda line: line[:-1],
    lambda line: line[1:],
    lambda line: line + b"}",
    lambda line: line + b" x",
    lambda line: line.replace(b"5", b"NaN"),
    lambda line: line.replace(b"5", b"-Infinity"),
    lambda line: line.replace(b"5", b"05"),
    lambda line: line.replace(b"5", b"1e999"),
    lambda line: line.replace(b"5", b"7" * 4300),
    lambda line: line.replace(b"5", b"7" * 4301),
    lambda line: line.replace(b"5", b"[" * 200 + b"]" * 200),
    lambda line: line.replace(b"5", b"[" * 511 + b"]" * 511),
    lambda line: line.replace(b"5", b"[" * 512 + b"]" * 512),
    lambda line: line.replace(b"5", b"[" * 90000),
    lambda line: line.replace(b"sh", b"\xff"),
    lambda line: line.replace(b"sh", b"\xed\xa0\x80"),
    lambda line: line.replace(b"sh", b"\0"),
    lambda line: line.replace(b"sh", b"\x1f"),
    lambda line: line.replace(b"sh", b"\\ud834\\udd1e"),
    lambda line: line.replace(b"sh", b"\\udd1e"),
    lambda line: line.replace(b"sh", b"\\x"),
    lambda line: line.replace(b'"', b"'"),
    lambda line: b"\xef\xbb\xbf" + line,
    lambda line: b" \t" + line + b" \r",
    lambda line: b"[" + line + b"]",
    lambda line: line.decode("utf-8", "replace").encode("utf-16-le", "replace"),
]
_sound = st.builds(
    lambda event, render: render(event).encode("utf-8", "surrogatepass"),
    _events,
    st.sampled_from(RENDERINGS),
)
_damaged = st.builds(lambda line, damage: damage(line), _sound, st.sampled_from(DAMAGES))
_blank = st.sampled_from(
    [b"", b" ", b"\r", b"\t \r", b"\xef\xbb\xbf", b"\x0b", b"null", b"{}", b"{"]
)

lines: st.SearchStrategy[bytes] = st.one_of(_sound, _damaged, _blank, st.binary(max_size=12))

streams: st.SearchStrategy[bytes] = st.builds(
    lambda pieces, end: b"\n".join(pieces) + end,
    st.lists(lines, max_size=12),
    st.sampled_from([b"", b"\n", b"\r\n"]),
)
