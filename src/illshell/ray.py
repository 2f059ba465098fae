"""illshell in Ray Data: a Dataset of events in, findings out.

    from illshell.ray import detect
    findings = detect(ray.data.read_parquet("events/"))

Ray hands over blocks as Arrow tables; what they hold is judged where it lies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from illshell.detect.verdicts import Rule
from illshell.model.extras import import_extra
from illshell.signatures.illegitimate_shell.names import EVENTS, SHELLS, WEB_SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ray.data import Dataset


def detect(
    dataset: Dataset,
    *,
    events: Iterable[str] = EVENTS,
    columns: Mapping[str, str] | None = None,
    value_column: str | None = None,
    errors: bool = False,
    web_servers: Iterable[str] = WEB_SERVERS,
    shells: Iterable[str] = SHELLS,
    **ray_options: Any,
) -> Dataset:
    """Return the findings among the events of a Dataset.

    The columns are those of :data:`illshell.formats.finding_fields.FIELDS`.

    The events are in columns, or each a value of ``value_column`` (``text`` after
    ``ray.data.read_text``); see :class:`illshell.detect.arrow_stage.ArrowStage`.
    ``ray_options`` go to ``Dataset.map_batches``. MissingExtraError without Ray.
    """
    import_extra("ray", "ray")
    import_extra("ray.data", "ray")
    from illshell.detect.arrow_stage import ArrowStage

    rule = Rule.of(events, web_servers, shells)
    stage = ArrowStage(rule, columns, value_column, errors)
    options = {"batch_format": "pyarrow", "zero_copy_batch": True, **ray_options}
    return dataset.map_batches(stage.__call__, **options)
