"""What the tests share: the two implementations of the rule."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
import pytest

import illshell
from illshell import _fastmatch, reference

IMPLEMENTATIONS = {
    "core": SimpleNamespace(
        IllegitimateShell=illshell.IllegitimateShell, NameSet=_fastmatch.NameSet
    ),
    "twin": reference,
}


@pytest.fixture(params=list(IMPLEMENTATIONS))
def implementation(request: pytest.FixtureRequest) -> ModuleType | SimpleNamespace:
    """The core and its twin: what is true of one must be true of the other."""
    return IMPLEMENTATIONS[request.param]
