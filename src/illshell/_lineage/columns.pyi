from collections.abc import Mapping
from typing import Any, Final

INTEGERS: Final[tuple[str, ...]]
TEXTS: Final[tuple[str, ...]]

class TaskColumns:
    @property
    def length(self) -> int: ...
    def __new__(cls, columns: Mapping[str, Any]) -> TaskColumns: ...
    def __len__(self) -> int: ...
