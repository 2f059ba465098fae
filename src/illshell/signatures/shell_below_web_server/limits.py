"""Limits of what ILL-1001 keeps; times are in ns."""

from typing import Final

SECOND: Final = 1_000_000_000

WINDOW: Final = 5 * SECOND
"""How far events may be out of order, and how far apart the events of one exec."""

MAX_TASKS: Final = 1_000_000
"""Tasks that are kept; 96 bytes each."""

MOST_TASKS: Final = 1 << 26
"""The largest number of tasks that the table can hold."""

MAX_RECENT: Final = 256
"""Execs below no known server, and checks whose exec has not come, that are kept."""

HASHED: Final = (1 << 64) - 1
"""Stands for the device of a file that is known by its hash."""
