"""The wheel's _fastmatch.pxd serves other Cython packages: one is built here and matches from C."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

USE = """
import sys
sys.path.insert(0, sys.argv[1])
import array, consumer
from illshell import _fastmatch
from illshell.signatures.illegitimate_shell.names import SHELLS, WEB_SERVERS

assert _fastmatch.C_CONTRACT == 2
names = _fastmatch.NameSet(SHELLS)
assert consumer.count_members(names, [b"sh", b"nosh", b"bash", b"", b"sh\\0"]) == 2
matcher = _fastmatch.Matcher(_fastmatch.NameSet(WEB_SERVERS), names)
assert consumer.match_one(matcher, b"nginx", b"/bin/sh")
assert not consumer.match_one(matcher, b"nginx", b"sh")
assert consumer.match_exec(matcher, b"nginx", b"sh")
assert not consumer.match_exec(matcher, b"sh", b"nginx")
offsets = array.array("i", [0, 5, 10])
comms = b"nginxcurls"
paths = b"/dash/bash"
assert consumer.match_columns(matcher, False, comms, offsets, paths, offsets) == ([0], [])
try:
    consumer.match_columns(matcher, False, comms, array.array("i", [0, 99, 10]), paths, offsets)
except ValueError as error:
    assert "row 0" in str(error)
else:
    raise AssertionError("damaged offsets went through")
"""


@pytest.fixture(scope="module")
def consumer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the package against the installed illshell, in a folder of its own."""
    folder = tmp_path_factory.mktemp("consumer")
    shutil.copytree(Path(__file__).parent / "native_consumer", folder / "source")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation"]
    command += ["--no-deps", "--target", str(folder / "built"), str(folder / "source")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "built"


def test_a_package_that_cimports_the_core_matches_from_c(consumer: Path) -> None:
    subprocess.run([sys.executable, "-c", USE, str(consumer)], check=True)
