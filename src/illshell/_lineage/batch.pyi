from collections.abc import Callable, Collection

from illshell._lineage.columns import TaskColumns
from illshell._lineage.known_files import KnownFiles
from illshell._lineage.lineage import Lineage
from illshell._lineage.name_classes import NameClasses
from illshell.signatures.shell_below_web_server.task_events import Hit

class BatchJudge:
    def __new__(
        cls,
        lineage: Lineage,
        files: KnownFiles,
        exact_classes: NameClasses,
        *,
        exact_kinds: Collection[int] = (),
        enabled: int = 0xFFFF,
    ) -> BatchJudge: ...
    def feed(
        self, columns: TaskColumns, ask: Callable[[int], tuple[int, int] | None] | None = None
    ) -> list[Hit]: ...
