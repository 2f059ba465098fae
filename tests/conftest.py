"""What the tests share: the two implementations of the rule."""

from __future__ import annotations

from collections.abc import Generator
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings

import illshell
from illshell import _fastmatch
from illshell.signatures.illegitimate_shell import reference

settings.register_profile("default", max_examples=200, deadline=None)
settings.register_profile(
    "fuzz",
    max_examples=1_000,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
settings.load_profile("default")

IMPLEMENTATIONS = {
    "core": SimpleNamespace(
        IllegitimateShell=illshell.IllegitimateShell,
        NameSet=_fastmatch.NameSet,
        PatternSet=_fastmatch.PatternSet,
    ),
    "twin": reference,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a test that skips has failed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and item.config.getoption("--no-skips"):
        report.outcome = "failed"
    return report


@pytest.fixture(params=list(IMPLEMENTATIONS))
def implementation(request: pytest.FixtureRequest) -> ModuleType | SimpleNamespace:
    """The core and its twin: what is true of one must be true of the other."""
    return IMPLEMENTATIONS[request.param]
