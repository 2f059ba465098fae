"""Keeps in bench/record what was measured, so that the report can be made again from the tree.

    python bench/run_module.py record [RESULTS.json [PART.json ...]]

Without arguments it takes what the last ``make bench``, ``make bench-again`` and ``make profile``
have left under build/, where that is newer. RESULTS.json is what ``make bench`` has written,
PART.json what benchmarks of it have written that were run again in its place.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import profiles

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "bench" / "record"
RESULTS: Final = FOLDER / "results.json"
AGAIN: Final = FOLDER / "again.json"
PROFILE: Final = FOLDER / "profile.json"
DIGITS: Final = 6
"""Significant digits that are kept of a measured number."""


def keep(source: list[Path], target: Path) -> None:
    """Write what the report reads of these runs; what a later one measured again replaces it."""
    runs = [json.loads(path.read_bytes()) for path in source]
    rows = {each["fullname"]: each["extra_info"] for run in runs for each in run["benchmarks"]}
    kept = {
        "datetime": max(run["datetime"] for run in runs),
        "illshell": runs[0]["illshell"],
        "benchmarks": [
            {"fullname": name, "extra_info": _rounded(info)} for name, info in rows.items()
        ],
    }
    FOLDER.mkdir(exist_ok=True)
    target.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def is_newer(source: Path, target: Path) -> bool:
    """Whether a run was made after the one that is kept."""
    if not target.exists():
        return True
    made, kept = (json.loads(path.read_bytes())["datetime"] for path in (source, target))
    return bool(made > kept)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return list(map(_rounded, value))
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def main() -> None:
    if sys.argv[1:]:
        keep(list(map(Path, sys.argv[1:])), RESULTS)
        return
    for target in (RESULTS, AGAIN):
        source = ROOT / "build" / "bench" / target.name
        if source.exists() and is_newer(source, target):
            keep([source], target)
            print(f"kept {source} as {target}")
    if profiles.SHARES.exists():
        shutil.copyfile(profiles.SHARES, PROFILE)
    if not RESULTS.exists():
        sys.exit("bench/record holds no run, and there is none under build/bench: make bench")


if __name__ == "__main__":
    main()
