from collections.abc import Callable, Iterable, Iterator
from typing import Any, overload

from typing_extensions import Buffer

from illshell.protocol import Finding, SignatureContext

class NameSet:
    def __init__(self, names: Iterable[str | bytes]) -> None: ...
    def __contains__(self, name: str | bytes, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...

class Column:
    @staticmethod
    def from_array(array: Buffer, validity: Buffer | None = None) -> Column: ...
    @staticmethod
    def fixed(
        data: Buffer,
        width: int,
        length: int,
        offset: int = 0,
        validity: Buffer | None = None,
        *,
        owner: object = None,
    ) -> Column: ...
    @staticmethod
    def offsets(
        offsets: Buffer,
        data: Buffer,
        length: int,
        offset: int = 0,
        validity: Buffer | None = None,
        *,
        wide: bool = False,
        owner: object = None,
    ) -> Column: ...
    @staticmethod
    def views(
        views: Buffer,
        buffers: Iterable[Buffer],
        length: int,
        offset: int = 0,
        validity: Buffer | None = None,
        *,
        owner: object = None,
    ) -> Column: ...
    @staticmethod
    def indexed(
        indices: Buffer,
        index_bytes: int,
        values: Column,
        length: int,
        offset: int = 0,
        validity: Buffer | None = None,
        *,
        owner: object = None,
    ) -> Column: ...
    def __len__(self) -> int: ...
    def __getitem__(self, row: int, /) -> bytes | None: ...

class Rows:
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int, /) -> int: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[int]: ...
    def __iter__(self) -> Iterator[int]: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

class Matcher:
    @property
    def web_servers(self) -> NameSet: ...
    @property
    def shells(self) -> NameSet: ...
    @property
    def events(self) -> tuple[str, ...]: ...
    def __init__(
        self, web_servers: NameSet, shells: NameSet, events: Iterable[str] = ...
    ) -> None: ...
    def match(
        self,
        event_name: Column | str,
        process_name: Column,
        pathname: Column | None = None,
        prev_comm: Column | None = None,
    ) -> tuple[Rows, Rows]: ...

class EventJudge:
    @property
    def web_servers(self) -> frozenset[str]: ...
    @property
    def shells(self) -> frozenset[str]: ...
    @property
    def events(self) -> tuple[str, ...]: ...
    @property
    def callback(self) -> Callable[[Finding], object] | None: ...
    @property
    def closed(self) -> bool: ...
    def __init__(
        self,
        events: Iterable[str] = ...,
        *,
        web_servers: Iterable[str] = ...,
        shells: Iterable[str] = ...,
    ) -> None: ...
    def init(self, ctx: SignatureContext) -> None: ...
    def close(self) -> None: ...
    def on_event(self, event: Any) -> None: ...
    def matches(self, event: Any) -> bool: ...
