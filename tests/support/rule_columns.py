"""The columns of TRC-1016 as a mapping of fields, and the rule's two implementations."""

from __future__ import annotations

from typing import Any

from illshell._fastmatch import Matcher
from illshell.signatures.illegitimate_shell import reference
from illshell.signatures.illegitimate_shell.rule import RULE

CORE = Matcher(RULE)
REFERENCE = reference.Matcher(RULE)


def columns(
    event_name: Any, process_name: Any, pathname: Any = None, prev_comm: Any = None
) -> dict[str, Any]:
    return {
        "event_name": event_name,
        "comm": process_name,
        "pathname": pathname,
        "prev_comm": prev_comm,
    }
