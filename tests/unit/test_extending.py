"""docs/extending.md: a package with one of each, made and used as the page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import PROGRAM, environment

from illshell.readers import has_native

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extending.md"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of the page, installed into a folder of its own."""
    source = tmp_path_factory.mktemp("illshell-example")
    for name, text in re.findall(r"```\w+\n# (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL):
        path = source / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (source / "illshell_example" / "__init__.py").touch()
    target = tmp_path_factory.mktemp("site")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--target", str(target), str(source)),
        ],
        check=True,
    )
    return target


def run(site: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[bytes]:
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [PROGRAM, *arguments],
        env={**environment(), "PYTHONPATH": path},
        capture_output=True,
        check=False,
    )
    assert done.returncode == code, done.stderr.decode()
    return done


def execs(path: Path, hosts: str) -> None:
    path.write_text(
        "".join(
            json.dumps({"eventName": "sched_process_exec", "hostName": host}) + "\n"
            for host in hosts
        )
    )


def test_it_is_listed(site: Path) -> None:
    assert run(site, "signatures").stdout.decode().splitlines() == [
        "TRC-1016  Web server spawned a shell",
        "ILL-1001  Shell ran below a web server",
        "EX-1  Third exec of a host",
    ]


def test_state_outlives_a_run(site: Path, tmp_path: Path) -> None:
    events, state = tmp_path / "events.jsonl", tmp_path / "counts.state"
    execs(events, "abaabbb")
    given = ("scan", "--signature", "EX-1", "--format", "csv", "--state", str(state))
    first = run(site, *given, f"command:cat {events}").stdout.decode().splitlines()
    assert [line.split(",")[1:3] for line in first] == [["EX-1", "a"], ["EX-1", "b"]]
    assert first[0].endswith(f",command:cat {events}: byte 159")
    second = run(site, *given, f"command:cat {events}").stdout.decode().splitlines()
    assert [line.split(",")[2] for line in second] == ["a", "b"]
    third = run(site, *given, f"command:cat {events}").stdout.decode().splitlines()
    assert [line.split(",")[2] for line in third] == ["b", "a", "b"]
    saved = state.read_bytes()
    state.write_bytes(saved[:-1] + b"x")
    refused = run(site, *given, str(events), code=2)
    assert f"{state}: the snapshot is damaged" in refused.stderr.decode()


def test_several_files_are_one_stream_for_any_number_of_threads(site: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.jsonl" for number in range(9)]
    for number, path in enumerate(paths):
        execs(path, "ab" * (number + 1))
    given = ("scan", "-q", "--signature", "EX-1", "--format", "csv", *map(str, paths))
    one = run(site, *given, "--threads", "1").stdout
    assert len(one.splitlines()) == 2 * (45 // 3)
    assert run(site, *given, "--threads", "3").stdout == one


def test_it_runs_beside_the_signature_of_illshell(site: Path, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    prev_comm = {"name": "prev_comm", "value": "nginx"}
    event = {"eventName": "sched_process_exec", "processName": "sh", "args": [prev_comm]}
    events.write_text(3 * (json.dumps(event) + "\n"))
    both = ("--signature", "TRC-1016", "--signature", "EX-1")
    found = run(site, "scan", *both, str(events)).stdout.decode().splitlines()
    assert [json.loads(each)["sig_metadata"]["id"] for each in found] == [
        *("TRC-1016", "TRC-1016", "TRC-1016"),
        "EX-1",
    ]


def test_the_lines_of_its_sensor_are_recognised(site: Path, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    lines = [
        {"acme": {"what": "exec", "task": "sh", "was": "nginx", "file": "/bin/sh", "pid": 7}},
        {"acme": {"what": "exec", "task": "sh", "was": "cron"}},
        {"acme": {"what": "exec", "task": "sh", "was": "-"}},
        {"acme": {"what": "open", "task": "sh", "was": "nginx"}},
    ]
    events.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for reader in ("plain", *(["native"] if has_native() else [])):
        done = run(site, "scan", "--reader", reader, str(events))
        [found] = map(json.loads, done.stdout.splitlines())
        assert found["event"] == lines[0]
        assert found["dialect"] == "acme"
        assert list(found["stand_ins"]) == ["prev_comm"]
        assert "1 event that could not be judged, 3 by acme;" in done.stderr.decode()
        assert "argument prev_comm not found" in done.stderr.decode()
        run(site, "scan", "--dialect", "tracee", "--reader", reader, str(events))
        assert run(site, "scan", "--dialect", "tracee", str(events)).stdout == b""
    refused = run(site, "scan", "--dialect", "acne", str(events), code=2).stderr.decode()
    assert "unknown dialect 'acne' (did you mean acme?)" in refused


def test_a_name_that_is_unknown(site: Path) -> None:
    refused = run(site, "scan", "--signature", "EX-11", "-", code=2).stderr.decode()
    assert "unknown signature 'EX-11' (did you mean EX-1?)" in refused
