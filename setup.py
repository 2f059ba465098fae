"""The compiled modules: their list, and Cython's directives, for which pyproject.toml has no place.

ILLSHELL_CHECKED=1 builds them with bounds checks, for tests.
"""

import os
from pathlib import Path

from setuptools import Extension, setup

CORE = Path("src/illshell/_core")
LINEAGE = Path("src/illshell/_lineage")
CHECKED = os.environ.get("ILLSHELL_CHECKED") == "1"
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": CHECKED,
    "wraparound": False,
    "initializedcheck": CHECKED,
    "cdivision": True,
    "embedsignature": True,
    "freethreading_compatible": True,
}


def extension(name: str, source: Path) -> Extension:
    """Describe a module; it is rebuilt when a declaration that it may use changes."""
    made = Extension(
        name,
        [str(source)],
        include_dirs=[str(CORE)],
        depends=[
            str(path)
            for folder in (CORE, LINEAGE)
            for path in sorted([*folder.glob("*.pxd"), *folder.glob("*.h")])
        ],
        # The compiler is asked for speed, never for an instruction set beyond the baseline.
        extra_compile_args=["-O3"],
    )
    made.cython_directives = DIRECTIVES
    return made


setup(
    ext_modules=[
        extension("illshell._fastmatch", Path("src/_fastmatch.pyx")),
        *(
            extension(f"illshell.{folder.name}.{each.stem}", each)
            for folder in (CORE, LINEAGE)
            for each in sorted(folder.glob("*.pyx"))
        ),
    ]
)
