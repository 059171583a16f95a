"""Proposals of who may be the same person, by likeness of names, birth date and postcode (needs the extra `linkage`).

Proposals are for somebody to look at: nothing here joins persons. What is accepted comes back as the CRM's merge.
"""

from __future__ import annotations

from typing import Any, Final

import duckdb
import pyarrow as pa

PROPOSALS: Final = pa.schema(
    [("person_id", pa.string()), ("other_person_id", pa.string()), ("probability", pa.float64())]
)

# Of pairs that are one person, and of pairs that are not: how many agree, level by level. Set by hand, so that a proposal is a
# function of the persons alone; how common a name or a postcode is, is counted.
_NAME: Final = ([0.88, 0.07, 0.03, 0.02], [0.005, 0.005, 0.02, 0.97])
_DATE: Final = ([0.95, 0.05], [0.00005, 0.99995])
_PLACE: Final = ([0.7, 0.3], [0.001, 0.999])  # people move house

_DUPLICATES: Final = 0.05
"""Persons that have a second account, as a share."""

_CLEAN: Final = """
    select
        person_id,
        nullif(lower(trim(strip_accents(first_name))), '') as first_name,
        nullif(lower(trim(strip_accents(last_name))), '') as last_name,
        birth_date,
        nullif(upper(replace(postal_code, ' ', '')), '') as postal_code
    from persons order by person_id
"""
_FOUND: Final = """
    select
        least(person_id_l, person_id_r) as person_id,
        greatest(person_id_l, person_id_r) as other_person_id,
        match_probability as probability
    from found order by probability desc, person_id, other_person_id
"""


def propose(persons: pa.Table, threshold: float) -> pa.Table:
    """Pairs of persons that are likely one.

    Compared are pairs that agree in birth date and either last name or postcode, or in both names and postcode.

    Args:
        persons: person_id (unique), first_name, last_name, birth_date (date), postal_code; null where not known.
        threshold: the least probability of a proposal, from 0 to 1.

    Returns:
        PROPOSALS, likeliest first; person_id is the lesser of a pair.
    """
    if persons.num_rows < 2:  # noqa: PLR2004 a pair takes two
        return PROPOSALS.empty_table()
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("persons", persons)
        cleaned = connection.sql(_CLEAN).to_arrow_table()
        connection.register("found", _predict(connection, cleaned, threshold))
        return connection.sql(_FOUND).to_arrow_table().cast(PROPOSALS)


def _predict(connection: duckdb.DuckDBPyConnection, persons: pa.Table, threshold: float) -> pa.Table:
    from splink import DuckDBAPI, Linker  # noqa: PLC0415 an extra that few install

    linker = Linker(DuckDBAPI(connection).register(persons), _settings(persons.num_rows), log_level="ERROR")
    found: Any = linker.inference.predict(threshold_match_probability=threshold)
    return found.as_pyarrow_table()


def _settings(persons: int) -> Any:
    import splink.comparison_library as cl  # noqa: PLC0415 an extra that few install
    from splink import SettingsCreator, block_on  # noqa: PLC0415

    names = [cl.JaroWinklerAtThresholds(name, [0.92, 0.85]) for name in ("first_name", "last_name")]
    compared: list[tuple[Any, tuple[list[float], list[float]], bool]]
    compared = [(name, _NAME, True) for name in names]
    compared += [(cl.ExactMatch("birth_date"), _DATE, False), (cl.ExactMatch("postal_code"), _PLACE, True)]
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="person_id",
        probability_two_random_records_match=min(2 * _DUPLICATES / (persons - 1), _DUPLICATES),
        comparisons=[
            each.configure(term_frequency_adjustments=counted, m_probabilities=m, u_probabilities=u)
            for each, (m, u), counted in compared
        ],
        blocking_rules_to_generate_predictions=[
            block_on("birth_date", "last_name"),
            block_on("birth_date", "postal_code"),
            block_on("last_name", "first_name", "postal_code"),
        ],
    )
