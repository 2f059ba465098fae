"""What machine this is, in words for the report."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def describe_machine(cores: set[int]) -> dict[str, str]:
    """Give the processor, its cores, the memory, and what runs on it."""
    return {
        "Processor": _field(Path("/proc/cpuinfo"), "model name") or platform.machine(),
        "Cores": f"{len(cores)}, of which each row but those of several threads uses one",
        "Memory": f"{_memory() / 2**30:.0f} GiB",
        "System": f"{platform.system()} {_kernel()}, {_distribution()}",
        "Python": platform.python_version(),
        "Date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def _field(path: Path, name: str) -> str | None:
    if path.exists():
        for line in path.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return None


def _kernel() -> str:
    return platform.release().partition("-")[0]


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "no os-release"
