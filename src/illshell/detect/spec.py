"""Which signatures a detector runs, in a form that can travel to where the events are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from illshell.detect.detector import Detector
from illshell.model.errors import IllshellError
from illshell.model.rule import several
from illshell.signatures.illegitimate_shell.names import EVENTS, SHELLS, TRC_1016, WEB_SERVERS
from illshell.signatures.registry import SIGNATURES
from illshell.signatures.shell_below_web_server.metadata import ID as ILL_1001

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from illshell.detect.verdict import Verdict
    from illshell.model.signature import Signature

SignatureFactory: TypeAlias = "str | Callable[[], Signature]"
"""The ID of a registered signature, or a callable without arguments that returns a new one."""

DEFAULT: Final = (TRC_1016,)
"""The signatures that run where none is chosen."""


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """Makes detectors. Picklable where its factories are: classes, functions of a module."""

    factories: tuple[Callable[[], Signature], ...]

    @staticmethod
    def of(
        signatures: Iterable[SignatureFactory] | None = None,
        *,
        events: Iterable[str] = EVENTS,
        web_servers: Iterable[str] = WEB_SERVERS,
        shells: Iterable[str] = SHELLS,
    ) -> DetectorSpec:
        """Return the spec of these signatures, or of :data:`DEFAULT`.

        ``events``, ``web_servers`` and ``shells`` are TRC-1016's. UnknownNameError for an ID that
        is not registered, TypeError where it is neither an ID nor a callable.
        """
        options: dict[str, dict[str, Any]] = {
            TRC_1016: {
                "events": several("events", events),
                "web_servers": several("web_servers", web_servers),
                "shells": several("shells", shells),
            }
        }
        chosen = DEFAULT if signatures is None else several("signatures", signatures)
        if TRC_1016 in chosen:
            options[ILL_1001] = {"beside_exact": options[TRC_1016]["events"]}
        return DetectorSpec(tuple(_factory(each, options) for each in dict.fromkeys(chosen)))

    def make(self, *, deliver: Callable[[Verdict], object] | None = None) -> Detector:
        """Return a new detector; IllshellError where a signature can't be loaded."""
        detector = Detector(deliver=deliver)
        for factory in self.factories:
            signature = factory()
            if not detector.load(signature):
                raise IllshellError(f"signature {signature!r} could not be loaded: see the log")
        return detector


def _factory(
    signature: SignatureFactory, options: dict[str, dict[str, Any]]
) -> Callable[[], Signature]:
    if isinstance(signature, str):
        return partial(SIGNATURES.get(signature), **options.get(signature, {}))
    if not callable(signature):
        raise TypeError(
            f"{signature!r} is no signature: give an ID such as {TRC_1016!r}, or a callable that "
            "returns a new signature"
        )
    return signature
