"""The steps that a contract names under `enrich`: columns that follow from the event itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from contracts.enrichments import Enrichment
from contracts.events import EventVersion
from contracts.fields import Field
from transforms.campaign import of_page_urls
from transforms.referrer import of_referrers
from transforms.user_agent import of_user_agents

STEPS: Final[Mapping[str, Callable[[pa.Table, Enrichment], pa.StructArray]]] = {
    "user_agent": of_user_agents,
    "campaign": of_page_urls,
    "referrer": of_referrers,
}
"""By the name under which `contracts/enrichments.yaml` declares them."""


def enrich(table: pa.Table, event: EventVersion) -> pa.Table:
    """Rows of an event type with what its steps add; what an event states stays as it is.

    Args:
        table: rows with the version's fields as columns.
        event: the newest version of the event type's contract.
    """
    declared = {f.name: f for f in event.fields}
    for step in event.enrich:
        found = STEPS[step.name](table, step).flatten()
        is_open = _states_none(table, step)
        for field, values in zip(step.fields, found, strict=True):
            told = pc.if_else(is_open, values, None) if field.name in step.together else values
            table = _filled(table, field.name, told, declared.get(field.name))
    return table


def _states_none(table: pa.Table, step: Enrichment) -> pa.ChunkedArray | None:
    """Where an event states none of the fields that a step fills together."""
    stated = [pc.is_null(table[name]) for name in sorted(step.together) if name in table.column_names]
    return reduce(pc.and_, stated) if stated else True


def _filled(table: pa.Table, name: str, values: pa.Array, declared: Field | None) -> pa.Table:
    """The table with a new column, or with a declared one filled where it is null, cut to its greatest length."""
    if declared is None:
        return table.append_column(name, values)
    if declared.max_length:
        values = pc.utf8_slice_codeunits(values, 0, declared.max_length)
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), pc.coalesce(table[name], values))
