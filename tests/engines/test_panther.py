"""The Panther rule, in Panther's own rule engine where it is installed, and by its contract."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from doc_snippets import snippets
from tracee_events import bprm_check, process_exec

from illshell import ArgumentNotInitializedError, panther, stage

BODY = snippets()["panther"]
HIT = process_exec(
    "nginx",
    "sh",
    hostName="web-1",
    timestamp=7,
    hostProcessId=4711,
    hostParentProcessId=17,
    container={"id": "c0ffee"},
)
BPRM_HIT = bprm_check("apache2", "/bin/bash")


def ran(event: dict[str, Any]) -> Any:
    rules = pytest.importorskip(
        "panther_core.rule", reason="needs Panther: pip install panther-core jmespath"
    )
    from panther_core.enriched_event import PantherEvent

    made = rules.Rule({"id": "Illshell", "versionId": "1", "body": BODY, "severity": "MEDIUM"})
    assert made.setup_exception is None
    return made.run(PantherEvent(event), {}, {}, batch_mode=False)


@pytest.mark.parametrize("event", [HIT, BPRM_HIT])
def test_a_hit_alerts(event: dict[str, Any]) -> None:
    result = ran(event)
    assert result.detection_output is True
    assert result.trigger_alert is True
    assert not result.errored
    assert result.title_output == panther.title(event)
    assert result.severity_output == "MEDIUM"
    [finding] = stage.findings([event])
    assert json.loads(result.alert_context_output)["uid"] == finding.uid


def test_a_miss_does_not() -> None:
    result = ran(process_exec("bash", "ls"))
    assert result.detection_output is False
    assert result.trigger_alert is False


def test_keys_in_another_case_are_found() -> None:
    assert ran({key.lower(): value for key, value in HIT.items()}).trigger_alert is True


def test_an_event_that_cannot_be_judged_is_an_error_of_the_rule() -> None:
    result = ran(bprm_check("nginx", None))
    assert result.trigger_alert is False
    assert isinstance(result.detection_exception, ArgumentNotInitializedError)


def test_what_it_says() -> None:
    assert panther.rule(HIT) is True
    assert panther.rule({}) is False
    assert panther.title(HIT) == "Web server spawned a shell: nginx started sh on web-1"
    assert panther.title(BPRM_HIT) == (
        "Web server spawned a shell: apache2 started /bin/bash on an unknown host"
    )
    assert panther.dedup(HIT) == "TRC-1016:web-1:c0ffee:nginx"
    context = panther.alert_context(HIT)
    assert context.pop("uid")
    assert context == {
        "signature_id": "TRC-1016",
        "technique": "T1190",
        "event_name": "sched_process_exec",
        "web_server": "nginx",
        "shell": "sh",
        "host": "web-1",
        "container": "c0ffee",
        "process_id": 4711,
        "parent_process_id": 17,
    }


def test_it_works_without_the_compiled_core() -> None:
    code = f"import sys; sys.modules['illshell._fastmatch'] = None\n{BODY}"
    code += f"assert rule({HIT!r}) is True and rule({{}}) is False\nprint(title({HIT!r}))\n"
    run = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(os.sep),
    )
    assert run.stdout == "Web server spawned a shell: nginx started sh on web-1\n", run.stderr
