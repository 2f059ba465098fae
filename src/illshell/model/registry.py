"""Registries: what can be chosen by name, illshell's own and what other packages add."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from illshell.model.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint


@dataclass(frozen=True, slots=True)
class Registry:
    """Objects by name: illshell's own, and those of an entry-point group of installed packages.

    ``kind``: what messages call one of them. ``own``: illshell's own as ``module:attribute``,
    imported when asked for. A package can't replace one of these.
    """

    kind: str
    group: str
    own: Mapping[str, str]

    def names(self) -> list[str]:
        """Return all names, illshell's own first."""
        return [*self.own, *sorted(set(self._added()) - set(self.own))]

    def get(self, name: str) -> Any:
        """Return what has this name; UnknownNameError where nothing has."""
        if name in self.own:
            module, _, attribute = self.own[name].partition(":")
            return getattr(import_module(module), attribute)
        added = self._added()
        if name not in added:
            raise UnknownNameError(self.kind, name, self.names())
        return added[name].load()

    def _added(self) -> dict[str, EntryPoint]:
        from importlib.metadata import entry_points

        return {point.name: point for point in entry_points(group=self.group)}
