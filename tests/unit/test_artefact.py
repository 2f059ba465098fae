"""The installed package: what is tested is what a user gets."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import re
import subprocess
import sys
from pathlib import Path

import pytest

import illshell
from illshell._fastmatch import get_include
from illshell.readers import has_native

ROOT = Path(__file__).resolve().parents[2]


def test_the_installed_package_is_tested_not_the_tree() -> None:
    assert ROOT / "src" not in Path(illshell.__file__).parents


def test_everything_public_is_there() -> None:
    for name in illshell.__all__:
        assert getattr(illshell, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        illshell.nothing  # noqa: B018


def test_one_version_in_every_place() -> None:
    assert importlib.metadata.version("illshell") == illshell.__version__
    cargo = (ROOT / "ingest" / "Cargo.toml").read_text()
    assert f'[workspace.package]\nversion = "{illshell.__version__}"' in cargo
    project = (ROOT / "pyproject.toml").read_text()
    assert f'ingest = ["illshell-ingest=={illshell.__version__}"]' in project
    if has_native():
        assert importlib.metadata.version("illshell-ingest") == illshell.__version__


def test_the_package_brings_its_data() -> None:
    package = importlib.resources.files("illshell")
    for name in ("py.typed", "_fastmatch.pyi", "_fastmatch.pxd", "_core/names.pxd"):
        assert (package / name).is_file()
    assert (Path(get_include()) / "illshell_core.h").is_file()
    assert (importlib.resources.files("illshell.examples") / "lab_events.jsonl").is_file()


def test_the_version_command_names_the_reader() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "illshell", "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert f"illshell {illshell.__version__}" in shown
    assert re.search(r"reader: (illshell-ingest|plain Python)", shown)


def test_starting_up_imports_no_more_than_it_needs() -> None:
    code = "import sys, illshell.cli.app; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"numpy", "rich", "pyarrow", "nanoarrow", "illshell_ingest"} & set(modules)


def test_the_lab_events_are_made_of_the_capture() -> None:
    subprocess.run(
        [sys.executable, str(ROOT / "examples" / "make_lab_events.py"), "--check"], check=True
    )
