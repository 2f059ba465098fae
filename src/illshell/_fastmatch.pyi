from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self, TypeAlias, overload

import numpy as np
from typing_extensions import Buffer

from illshell.protocol import Finding, SignatureContext

# NumPy's arrays say that they are buffers from Python 3.12 on only.
_Buffer: TypeAlias = Buffer | np.ndarray[Any, Any]

class NameSet:
    def __new__(cls, names: Iterable[str | bytes]) -> Self: ...
    def __contains__(self, name: str | bytes, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...

class Column:
    @staticmethod
    def from_array(array: _Buffer, validity: _Buffer | None = None) -> Column: ...
    @staticmethod
    def fixed(
        data: _Buffer,
        width: int,
        length: int,
        offset: int = 0,
        validity: _Buffer | None = None,
        *,
        owner: object = None,
    ) -> Column: ...
    @staticmethod
    def offsets(
        offsets: _Buffer,
        data: _Buffer,
        length: int,
        offset: int = 0,
        validity: _Buffer | None = None,
        *,
        wide: bool = False,
        owner: object = None,
    ) -> Column: ...
    @staticmethod
    def views(
        views: _Buffer,
        buffers: Iterable[_Buffer],
        length: int,
        offset: int = 0,
        validity: _Buffer | None = None,
        *,
        owner: object = None,
    ) -> Column: ...
    @staticmethod
    def indexed(
        indices: _Buffer,
        index_bytes: int,
        values: Column,
        length: int,
        offset: int = 0,
        validity: _Buffer | None = None,
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
    def __new__(
        cls, web_servers: NameSet, shells: NameSet, events: Iterable[str] = ...
    ) -> Self: ...
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
    def __new__(
        cls,
        events: Iterable[str] = ...,
        *,
        web_servers: Iterable[str] = ...,
        shells: Iterable[str] = ...,
    ) -> Self: ...
    def init(self, ctx: SignatureContext) -> None: ...
    def close(self) -> None: ...
    def on_event(self, event: Any) -> None: ...
    def matches(self, event: Any) -> bool: ...
