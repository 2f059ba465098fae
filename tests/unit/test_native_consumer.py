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
import numpy as np
from illshell import _fastmatch
from illshell.signatures.illegitimate_shell.names import SHELLS
from illshell.signatures.illegitimate_shell.rule import RULE

CHECK, EXEC = RULE.events
assert _fastmatch.C_CONTRACT == 3
names = _fastmatch.NameSet(SHELLS)
assert consumer.count_members(names, [b"sh", b"nosh", b"bash", b"", b"sh\\0"]) == 2
patterns = _fastmatch.PatternSet(["php-fpm", "php*", "node"])
assert [consumer.which_pattern(patterns, each) for each in
        (b"php-fpm", b"php-fpm8.2", b"php", b"node", b"nodejs", b"ph")] == [0, 1, 1, 2, -1, -1]
matcher = _fastmatch.Matcher(RULE)
match = consumer.match_one
assert match(matcher, CHECK, {"comm": b"nginx", "pathname": b"/bin/sh"}) is True
assert match(matcher, CHECK, {"comm": b"nginx", "pathname": b"sh"}) is False
assert match(matcher, CHECK, {"comm": b"nginx"}) is None
assert match(matcher, EXEC, {"comm": b"sh", "prev_comm": b"nginx"}) is True
assert match(matcher, EXEC, {"comm": b"nginx", "prev_comm": b"sh"}) is False
assert match(matcher, EXEC, {"comm": b"sh"}) is None
assert match(matcher, "open", {}) is False
offsets = array.array("i", [0, 5, 10])
comms = (b"nginxcurls", offsets)
paths = (b"/dash/bash", offsets)
columns = {"comm": comms, "pathname": paths}
assert consumer.match_columns(matcher, CHECK, columns) == ([0], [])
assert consumer.match_columns(matcher, CHECK, {"comm": comms}) == ([], [0])
assert consumer.match_columns(matcher, EXEC, columns) == ([], [0, 1])
assert consumer.match_columns(matcher, "open", columns) == ([], [])
try:
    columns["comm"] = (b"nginxcurls", array.array("i", [0, 99, 10]))
    consumer.match_columns(matcher, CHECK, columns)
except ValueError as error:
    assert "column comm: row 0" in str(error), error
else:
    raise AssertionError("damaged offsets went through")
try:
    columns["comm"] = (b"nginxcurls", array.array("i", [0, 5, 10, 10]))
    consumer.match_columns(matcher, CHECK, columns)
except ValueError as error:
    assert "rows" in str(error), error
else:
    raise AssertionError("unequal lengths went through")
assert consumer.sum_of(_fastmatch.Column.from_array(np.array([1, -2, 40], np.int16))) == 39
assert consumer.longest_of(_fastmatch.Column.from_array(np.array([b"a", b"abc"], "S16"))) == 3
"""


@pytest.fixture(scope="module")
def consumer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the package against the installed illshell, in a folder of its own."""
    folder = tmp_path_factory.mktemp("consumer")
    shutil.copytree(Path(__file__).parents[1] / "support" / "native_consumer", folder / "source")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation"]
    command += ["--no-deps", "--target", str(folder / "built"), str(folder / "source")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "built"


def test_a_package_that_cimports_the_core_matches_from_c(consumer: Path) -> None:
    subprocess.run([sys.executable, "-c", USE, str(consumer)], check=True)
