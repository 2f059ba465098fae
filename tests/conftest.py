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


ENGINES = {
    "kafka": ["confluent_kafka"],
    "test_daft_and_ray.py": [],
    "test_duckdb.py": ["duckdb"],
    "test_frames.py": ["pandas", "polars"],
    "test_integrations_doc.py": [],
    "test_panther.py": [],
    "test_polars.py": ["polars"],
    "test_quix.py": [],
    "test_spark.py": [],
    "test_spark_cluster.py": [],
    "test_spark_state.py": [],
    "test_spark_state_cluster.py": [],
}
"""What `make test-engines` runs and `make test` leaves out: files and folders that need an engine, a
broker, a JVM or another library of columns. Listed with what they import at once; the others look
themselves for what they need, test by test."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a test that skips has failed")
    parser.addoption(
        "--engines", choices=["all", "none", "only"], default="all", help="which tests, by ENGINES"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    chosen = config.getoption("engines")
    if chosen == "all" or collection_path == Path(__file__).parent:
        return None
    if engine_of(collection_path) in ENGINES:
        return chosen == "none" or None
    return (chosen == "only" and collection_path.suffix == ".py") or None


class Lacking(pytest.Module):
    """A file of tests that lacks a package."""

    def collect(self) -> NoReturn:
        pytest.skip(
            f"needs {' and '.join(ENGINES[engine_of(self.path)])}: make test-engines",
            allow_module_level=True,
        )


def engine_of(path: Path) -> str:
    """Return what a test file would stand under in ENGINES."""
    return path.relative_to(Path(__file__).parent).parts[0]


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> Lacking | None:
    if module_path.is_relative_to(Path(__file__).parent) and not all(
        find_spec(name) for name in ENGINES.get(engine_of(module_path), [])
    ):
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
