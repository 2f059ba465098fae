"""The README's and the documents' examples run, and what they name is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_python_examples_run() -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL))
    assert "IllegitimateShell" in code
    exec(compile(code, "README.md", "exec"), {})


def test_the_commands_of_the_readme_take_these_options() -> None:
    help_text = subprocess.run(
        [sys.executable, "-m", "illshell", "scan", "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    scans = re.findall(r"illshell scan ([^#\n]*)", README)
    options = {option for line in scans for option in re.findall(r"(?<!\w)--?[a-z-]+", line)}
    assert {"--format", "-o", "--fail-on-finding", "--quarantine"} <= options
    for option in options - {"-"}:
        assert option in help_text


def test_the_make_targets_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for document in (README, (ROOT / "CONTRIBUTING.md").read_text()):
        for target in re.findall(r"`make ([a-z-]+)`|^\$ make ([a-z-]+)", document, re.MULTILINE):
            assert f"\n{''.join(target)}:" in makefile


@pytest.mark.parametrize(
    "document", ["README.md", *sorted(p.name for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document if document == "README.md" else ROOT / "docs" / document
    for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / link).exists(), link


def test_the_documented_limits_are_the_real_ones() -> None:
    from illshell.readers.compression import WINDOW_LOG_MAX
    from illshell.readers.json_lines.definition import MAX_DEPTH, MAX_LINE

    assert f"{MAX_LINE // 2**20} MiB; a longer one" in README
    assert f"{MAX_DEPTH} levels" in README
    assert f"{2**WINDOW_LOG_MAX // 2**20} MiB |" in README
