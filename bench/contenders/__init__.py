"""The contenders: what a user could pick instead, a tool a file, each done as well as we can.

A module here gives ``CONTENDERS``. One that can't be had raises ImportError or Unavailable when it
is imported, and the report says why.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from contenders.contender import Contender, Unavailable

__all__ = ["Contender", "Unavailable", "available", "missing", "named"]

MODULES = {
    "python_json": "Python, json",
    "python_orjson": "Python, orjson",
    "msgspec": "msgspec",
    "pysimdjson": "pysimdjson",
    "polars": "Polars",
    "duckdb": "DuckDB",
    "pyarrow": "pyarrow",
    "pandas": "pandas",
    "grep": "grep",
    "ripgrep": "ripgrep",
    "ahocorasick": "ahocorasick_rs",
    "stringzilla": "stringzilla",
    "hyperscan": "Hyperscan",
    "re2": "RE2",
    "simdjson_ondemand": "simdjson On-Demand (C++)",
    "tracee_go": "Tracee (Go)",
}


@cache
def _load() -> tuple[tuple[Contender, ...], dict[str, str]]:
    found: list[Contender] = []
    without: dict[str, str] = {}
    for module, title in MODULES.items():
        try:
            imported = import_module(f"contenders.{module}")
        except (ImportError, Unavailable) as error:
            without[title] = str(error)
            continue
        found += imported.CONTENDERS
        without |= getattr(imported, "CANNOT", {})
    return tuple(found), without


def available() -> tuple[Contender, ...]:
    """Give all contenders that this machine has."""
    return _load()[0]


def missing() -> dict[str, str]:
    """Give the contenders that it lacks, or that can't do the job, each with the reason."""
    return _load()[1]


def named(module: str, name: str) -> Contender:
    """Give one contender, importing its module alone."""
    found: list[Contender] = import_module(f"contenders.{module}").CONTENDERS
    return next(contender for contender in found if contender.name == name)
