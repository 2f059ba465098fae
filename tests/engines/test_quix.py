"""illshell.quix in Quix Streams' own pipeline of functions.

Quix Streams pins a confluent-kafka that is older than illshell's Kafka extra wants, so it gets an
environment of its own here, as its users need one; this one's packages stand behind it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from doc_snippets import snippets
from tracee_events import bprm_check, process_exec

from illshell import stage
from illshell.quix import findings

HIT = process_exec("nginx", "sh", hostName="web-1", timestamp=7, hostProcessId=3)
EVENTS = [HIT, process_exec("bash", "ls"), bprm_check("nginx", None)]

PROGRAM = """
import json, sys
from quixstreams import Application
from quixstreams.models import TopicManager


def assumed(_self, topic):  # there is no broker to ask for it
    topic.broker_config = topic.create_config
    return topic


TopicManager._get_or_create_broker_topic = assumed
app = Application(broker_address="127.0.0.1:1", consumer_group="illshell", loglevel="ERROR")
sdf = app.dataframe(app.topic("events", value_deserializer="json"))
SNIPPET
print(json.dumps([value for event in json.load(sys.stdin) for value, *_ in sdf.test(event)]))
"""


def test_findings_of_a_message() -> None:
    [found] = findings(HIT)
    assert findings(json.dumps(HIT).encode()) != []
    assert findings(EVENTS[1]) == []
    assert found["event"] == HIT
    assert found["sig_metadata"]["id"] == "TRC-1016"


@pytest.mark.slow
def test_in_quix_streams(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    made = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "quixstreams"],
        check=False,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        pytest.skip(f"needs Quix Streams: pip install quixstreams said {made.stderr[-200:]}")
    [site] = (tmp_path / "venv").glob("lib/python*/site-packages")
    (site / "behind.pth").write_text(sysconfig.get_path("platlib") + "\n")
    run = subprocess.run(
        [python, "-W", "ignore", "-c", PROGRAM.replace("SNIPPET", snippets()["quix"])],
        check=False,
        input=json.dumps(EVENTS),
        capture_output=True,
        text=True,
        cwd=os.sep,
    )
    assert run.returncode == 0, run.stderr
    [finding] = stage.findings([HIT])
    assert [found["uid"] for found in json.loads(run.stdout)] == [finding.uid]
