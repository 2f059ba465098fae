"""illshell in Quix Streams: messages in, findings out.

    from illshell.quix import findings
    sdf = sdf.apply(findings, expand=True)

Quix calls a Python function for each message; nothing of Quix is imported here.
"""

from __future__ import annotations

import json
from typing import Any

from illshell import stage
from illshell.formats.jsonl import jsonl


def findings(message: Any) -> list[dict[str, Any]]:
    """Give the findings of one message, none or one, each a dict that Quix can write as JSON.

    ``message``: an event's payload, or its JSON as str or bytes. The dict is what
    ``illshell scan --format jsonl`` writes. What can't be judged is logged.
    """
    return [json.loads(jsonl(finding)) for finding in stage.findings([message])]
