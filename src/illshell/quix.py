"""illshell in Quix Streams: messages in, findings out.

    from illshell.quix import findings
    sdf = sdf.apply(findings, expand=True)

Quix calls a Python function for each message; nothing of Quix is imported here.
"""

from __future__ import annotations

import json
from threading import local
from typing import Any, Final

from illshell.detect.spec import DetectorSpec
from illshell.formats.jsonl import jsonl
from illshell.stage import LOGGER, verdicts_on

_THREAD: Final = local()


def findings(message: Any) -> list[dict[str, Any]]:
    """Return the findings of one message, each a dict that Quix can write as JSON.

    ``message``: an event's payload, or its JSON as str or bytes. The dict is what
    ``illshell scan --format jsonl`` writes. What can't be judged is logged. All messages that a
    thread hands in are one stream to signatures with state.
    """
    if not hasattr(_THREAD, "detector"):
        _THREAD.detector = DetectorSpec.of().make()
    found = []
    for verdict in verdicts_on(_THREAD.detector, message):
        if verdict.finding is not None:
            found.append(json.loads(jsonl(verdict.finding)))
        else:
            LOGGER.error("An event could not be judged: %s", verdict.error)
    return found
