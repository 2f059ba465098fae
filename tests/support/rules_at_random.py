"""Strategies for rules: any table of clauses over a few fields, names and events."""

from __future__ import annotations

from hypothesis import strategies as st

from illshell.model.rule import (
    MAX_STEPS,
    BasenameIn,
    Clause,
    NameIn,
    PatternIn,
    Require,
    Rule,
    Step,
)

EVENTS = (
    *("a", "b", "event_c", "event_d", "e" * 40, "f"),
    *("security_bprm_check", "sched_process_exec"),
)
FIELDS = ("comm", "prev_comm", "pathname", "host")

_NAMES = ("sh", "nginx", "apache2", "httpd-foregroun", "a", "ab", "abc", "exactly_8", "12345678")
name_lists = st.lists(st.sampled_from(_NAMES), min_size=1, max_size=4).map(tuple)
pattern_lists = st.lists(
    st.sampled_from([*_NAMES, "a*", "ab*", "httpd*", "12345678*", "httpd-foregrou*", "exactly_*"]),
    min_size=1,
    max_size=4,
).map(tuple)
fields = st.sampled_from(FIELDS)
steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(Require, fields),
    st.builds(NameIn, fields, name_lists),
    st.builds(BasenameIn, fields, name_lists),
    st.builds(PatternIn, fields, pattern_lists),
)


@st.composite
def rules(draw: st.DrawFn, events: tuple[str, ...] = EVENTS) -> Rule:
    wanted = draw(st.lists(st.sampled_from(events), max_size=8, unique=True))
    few = st.lists(steps, max_size=4) | st.lists(steps, max_size=MAX_STEPS)
    return Rule("event_name", tuple(Clause(event, tuple(draw(few))) for event in wanted))


values = st.one_of(
    st.sampled_from([name.encode() for name in _NAMES]),
    st.sampled_from([name.encode() for name in _NAMES]).map(lambda name: b"/bin/" + name),
    st.sampled_from(
        [b"", b"/", b"abcd", b"a\0", b"ab\0c", b"httpd-foreground", b"1234567", b"b" * 40]
    ),
    st.binary(max_size=20),
)
