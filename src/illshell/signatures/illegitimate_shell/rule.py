"""TRC-1016 as a table: which field of which event must be which name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from illshell.model.rule import BasenameIn, Clause, NameIn, Require, Rule, Step, several
from illshell.signatures.illegitimate_shell.names import (
    EVENTS,
    SCHED_PROCESS_EXEC,
    SECURITY_BPRM_CHECK,
    SHELLS,
    WEB_SERVERS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


def illegitimate_shell_rule(
    events: Iterable[str] = EVENTS,
    *,
    web_servers: Iterable[str | bytes] = WEB_SERVERS,
    shells: Iterable[str | bytes] = SHELLS,
) -> Rule:
    """Return the rule for these events and names.

    ``events``: some of :data:`illshell.signatures.illegitimate_shell.names.EVENTS`.
    ``web_servers`` and ``shells``: names of 1 to 15 bytes; a shell's holds no slash.
    Raises TypeError for one str in place of several, ValueError for an event that the rule does
    not know.
    """
    servers, shell_names = several("web_servers", web_servers), several("shells", shells)
    clauses: dict[str, tuple[Step, ...]] = {
        SECURITY_BPRM_CHECK: (
            Require("comm"),
            NameIn("comm", servers),
            Require("pathname"),
            BasenameIn("pathname", shell_names),
        ),
        SCHED_PROCESS_EXEC: (
            Require("comm"),
            Require("prev_comm"),
            NameIn("prev_comm", servers),
            NameIn("comm", shell_names),
        ),
    }
    wanted = several("events", events)
    for event in wanted:
        if event not in clauses:
            raise ValueError(f"event {event!r} is none of {', '.join(clauses)}")
    return Rule("event_name", tuple(Clause(each, clauses[each]) for each in dict.fromkeys(wanted)))


RULE: Final = illegitimate_shell_rule()
"""The rule with Tracee's names, for both events."""
