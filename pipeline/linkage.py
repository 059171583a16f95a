"""Who may be the same person: proposals over the persons of a release, for somebody to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from contracts.errors import UsageError
from lakehouse.lake import Lake
from lakehouse.sql import connect, release_of
from transforms.linkage import propose

BANDS: Final = (0.99, 0.95, 0.9, 0.8, 0.5, 0.0)
"""Least probabilities by which a report counts proposals."""

_PERSONS: Final = """
with said as (
    select customer_id, occurred_at, event_id, first_name, last_name, birth_date, address.postal_code as postal_code
    from curated.customer_registered
    union all
    select customer_id, occurred_at, event_id, first_name, last_name, birth_date, address.postal_code
    from curated.customer_updated
)
select
    person_id,
    max_by(first_name, (occurred_at, said.event_id)) filter (first_name is not null) as first_name,
    max_by(last_name, (occurred_at, said.event_id)) filter (last_name is not null) as last_name,
    max_by(birth_date, (occurred_at, said.event_id)) filter (birth_date is not null) as birth_date,
    max_by(postal_code, (occurred_at, said.event_id)) filter (postal_code is not null) as postal_code
from said
join curated.customer_identities as identities
    on identities.identifier_kind = 'login' and identities.identifier_value = said.customer_id
group by person_id
order by person_id
"""
_AGREEING: Final = """
select
    proposals.*,
    list_filter([
        case when a.first_name = b.first_name then 'first_name' end,
        case when a.last_name = b.last_name then 'last_name' end,
        case when a.birth_date = b.birth_date then 'birth_date' end,
        case when a.postal_code = b.postal_code then 'postal_code' end
    ], lambda name: name is not null) as equal_fields
from proposals
join persons as a using (person_id)
join persons as b on b.person_id = other_person_id
order by probability desc, person_id, other_person_id
"""


@dataclass(frozen=True, slots=True)
class Linkage:
    """What was compared and what is proposed.

    `proposals` have person_id, other_person_id, probability, and the names of the fields that are equal to the letter; what
    stands in the fields is not told.
    """

    persons: int
    proposals: pa.Table

    def bands(self) -> list[dict[str, Any]]:
        """How many proposals there are from each least probability up to the next."""
        probabilities = self.proposals["probability"].to_pylist()
        upper = (float("inf"), *BANDS)
        return [
            {"from_probability": least, "proposals": sum(least <= p < most for p in probabilities)}
            for least, most in zip(BANDS, upper, strict=False)
        ]


def link(lake: Lake, threshold: float) -> Linkage:
    """Compare the persons of the newest release; nothing is written and nobody is joined.

    Args:
        lake: the lake.
        threshold: the least probability of a proposal, from 0 to 1.

    Raises:
        UsageError: when the extra `linkage` is not installed.
    """
    with connect(lake, release_of(lake)) as connection:
        persons = connection.sql(_PERSONS).to_arrow_table()
        try:
            found = propose(persons, threshold)
        except ModuleNotFoundError as e:
            raise UsageError(
                f"Linkage needs {e.name}. Install it: pip install 'unified-commerce-lake[linkage]'"
            ) from e
        connection.register("persons", persons)
        connection.register("proposals", found)
        return Linkage(persons.num_rows, connection.sql(_AGREEING).to_arrow_table())
