"""What the tests share: the two implementations of the rule."""

from __future__ import annotations

from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

import illshell
from illshell import _fastmatch
from illshell.signatures.illegitimate_shell import reference

settings.register_profile("light", max_examples=60, deadline=None)
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


ENGINES = Path(__file__).parent / "engines"
"""What `make test-engines` runs and `make test` leaves out: tests that need an engine, a broker, a JVM
or another library of columns."""

NEEDS = {
    "kafka": ["confluent_kafka"],
    "test_duckdb.py": ["duckdb"],
    "test_frames.py": ["pandas", "polars"],
    "test_polars.py": ["polars"],
}
"""What files and folders of ENGINES import at once. The others look themselves for what they need,
test by test."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a test that skips has failed")
    parser.addoption(
        "--engines", choices=["all", "none", "only"], default="all", help="which tests, by ENGINES"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    chosen = config.getoption("engines")
    if collection_path.is_relative_to(ENGINES):
        return chosen == "none" or None
    return (chosen == "only" and collection_path.suffix == ".py") or None


class Lacking(pytest.Module):
    """A file of tests that lacks a package."""

    def collect(self) -> NoReturn:
        pytest.skip(
            f"needs {' and '.join(needed(self.path))}: make test-engines",
            allow_module_level=True,
        )


def needed(path: Path) -> list[str]:
    """Return the packages that a test file imports at once, as NEEDS lists them."""
    if not path.is_relative_to(ENGINES):
        return []
    return NEEDS.get(path.relative_to(ENGINES).parts[0], [])


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> Lacking | None:
    if not all(find_spec(name) for name in needed(module_path)):
        return Lacking.from_parent(parent, path=module_path)
    return None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and collector.config.getoption("--no-skips"):
        report.outcome = "failed"
    return report


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
