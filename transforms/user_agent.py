"""What a user agent says of browser, system and device, and whether it is a bot's."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import pyarrow as pa
import ua_parser
from crawleruseragents import is_crawler

from contracts.enrichments import Enrichment
from lakehouse.arrow_types import arrow_field
from transforms.distinct import each_distinct

_REMEMBERED: Final = 50_000
"""Distinct user agents of a shop's day; each costs a third of a millisecond once."""

_DESKTOPS: Final = frozenset({"Windows", "Mac OS X", "Linux", "Ubuntu", "Fedora", "Debian", "Chrome OS"})


def of_user_agents(table: pa.Table, step: Enrichment) -> pa.StructArray:
    """What each row's user_agent tells, as the step's fields."""
    told = pa.struct([arrow_field(f) for f in step.fields])
    return each_distinct(table["user_agent"], read_user_agent, told)


@lru_cache(_REMEMBERED)
def read_user_agent(user_agent: str) -> dict[str, str | bool | None]:
    """The values of the step `user_agent`, by field."""
    found = ua_parser.parse(user_agent)
    os_name = found.os.family if found.os else None
    is_bot = is_crawler(user_agent)
    return {
        "browser_name": found.user_agent.family if found.user_agent else None,
        "os_name": os_name,
        "device_type": None if is_bot else _device_type(user_agent, os_name),
        "is_bot": is_bot,
    }


def _device_type(user_agent: str, os_name: str | None) -> str | None:
    """Kind of device; tablets that present themselves as computers, as iPads do, count as those.

    Mobi is in the user agent of every phone's browser, and not in that of Android's tablets:
    https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/Browser_detection_using_the_user_agent
    """
    if "iPad" in user_agent or (os_name == "Android" and "Mobi" not in user_agent):
        return "tablet"
    if "Mobi" in user_agent or os_name == "iOS":
        return "mobile"
    return "desktop" if os_name in _DESKTOPS else None
