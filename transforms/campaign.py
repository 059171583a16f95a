"""Campaign and paid click, by the query of a page's address."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final
from urllib.parse import parse_qsl

import pyarrow as pa
import pyarrow.compute as pc

from contracts.enrichments import Enrichment
from lakehouse.arrow_types import arrow_field
from transforms.distinct import each_distinct

_PARAMETERS: Final = {
    "utm_source": "campaign_source",
    "utm_medium": "campaign_medium",
    "utm_campaign": "campaign_name",
    "utm_term": "campaign_term",
    "utm_content": "campaign_content",
}
"""https://support.google.com/analytics/answer/10917952"""


def of_page_urls(table: pa.Table, step: Enrichment) -> pa.StructArray:
    """What the query of each row's page_url tells, as the step's fields."""
    urls = table["page_url"]
    asked = pc.if_else(pc.match_substring(urls, "?"), urls, pa.scalar(None, pa.string()))
    told = pa.struct([arrow_field(f) for f in step.fields])
    return each_distinct(asked, partial(read_query, click_ids=step.known["click_ids"]), told)


def read_query(url: str, click_ids: Mapping[str, str]) -> dict[str, str]:
    """The values of the step `campaign`, by field; of a parameter that is repeated, the first.

    Args:
        url: an address with a query.
        click_ids: advertising networks by the parameter that carries their click id.
    """
    query = url.partition("?")[2].partition("#")[0]
    stated = {name: value.strip() for name, value in reversed(parse_qsl(query)) if value.strip()}
    found = {field: stated[name] for name, field in _PARAMETERS.items() if name in stated}
    clicked = next((name for name in click_ids if name in stated), None)
    if clicked:
        found |= {"click_network": click_ids[clicked], "click_id": stated[clicked]}
    return found
