"""The commands around the scan: version, metadata, completion, demo, help."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import PROGRAM, environment, illshell, json_lines
from tracee_events import bprm_check

from illshell import __version__
from illshell.signatures.illegitimate_shell.metadata import illegitimate_shell_metadata


def test_the_program_says_what_it_is() -> None:
    lines = illshell("--version").out.decode().splitlines()
    assert lines[0] == f"illshell {__version__}"
    assert lines[1].startswith("reader: ")
    assert lines[2].startswith(f"Python: {sys.version.split()[0]}")
    module = subprocess.run(
        [sys.executable, "-m", "illshell", "--version"], capture_output=True, check=True
    )
    assert module.stdout.decode().splitlines() == lines


def test_metadata() -> None:
    facts = json.loads(illshell("metadata").out)
    metadata = illegitimate_shell_metadata()
    assert facts["id"] == "TRC-1016"
    assert facts["properties"] == metadata.properties
    text = illshell("metadata", "--format", "text").out.decode()
    assert text.startswith("TRC-1016  Web server spawned a shell\n\n")
    assert " ".join(text.split("\n\n")[1].split()) == metadata.description.replace(
        "command-line", "command- line"
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    script = illshell("completion", shell).out.decode()
    assert f"_ILLSHELL_COMPLETE={shell}_complete" in script
    environ = {"COMP_WORDS": "illshell sc", "COMP_CWORD": "1" if shell != "fish" else "sc"}
    found = illshell(_ILLSHELL_COMPLETE=f"{shell}_complete", **environ)
    assert "scan" in found.out.decode()


def test_demo(tmp_path: Path) -> None:
    path = tmp_path / "more.jsonl"
    path.write_bytes(json_lines(bprm_check("lighttpd", "/bin/tcsh")))
    result = illshell("demo", path, COLUMNS="120")
    shown = result.out.decode()
    assert "captured in the kernel" in shown
    assert "apache2 → /bin/sh" in shown
    assert shown.index("lab_events.jsonl\n+") < shown.index(f"{path}\n") < shown.index("/bin/tcsh")
    assert "findings" in result.summary


def test_help_names_every_exit_code() -> None:
    shown = illshell("scan", "--help").out.decode()
    for code in (0, 1, 2, 3, 4, 70, 129, 130, 141, 143):
        assert str(code) in shown
    assert "Usage:" in illshell(code=2).err


def test_output_that_nobody_reads_or_that_has_no_room() -> None:
    for arguments in (["metadata"], ["--help"], ["--version"], ["completion", "bash"]):
        with Path("/dev/full").open("wb") as full:
            run = subprocess.run(
                [PROGRAM, *arguments],
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
                env=environment(),
            )
        assert (run.returncode, run.stderr) == (4, b"illshell: No space left on device\n")
        read_end, write_end = os.pipe()
        os.close(read_end)
        run = subprocess.run(
            [PROGRAM, *arguments],
            stdout=write_end,
            stderr=subprocess.PIPE,
            check=False,
            env=environment(),
        )
        os.close(write_end)
        assert (run.returncode, run.stderr) == (141, b"")
