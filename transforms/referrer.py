"""What kind of place a visitor came from, by the referrer's host."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Final
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc
from publicsuffixlist import PublicSuffixList

from contracts.enrichments import Enrichment
from lakehouse.arrow_types import arrow_field
from transforms.distinct import each_distinct

_INTERNAL, _OTHER = "internal", "other"
_REMEMBERED: Final = 50_000


def of_referrers(table: pa.Table, step: Enrichment) -> pa.StructArray:
    """What each row's referrer_url tells, as the step's fields."""
    told = pa.struct([arrow_field(f) for f in step.fields])
    places = Places(step.known)
    found = each_distinct(table["referrer_url"], places.read, told)
    came = pc.is_valid(table["referrer_url"])
    pages = pc.if_else(came, table["page_url"], pa.scalar(None, pa.string()))
    own = each_distinct(pages, _domain_of_url, pa.string())
    columns = dict(zip(told.names, found.flatten(), strict=True))
    is_own = pc.fill_null(pc.equal(columns["referrer_domain"], own), fill_value=False)
    columns["referrer_class"] = pc.if_else(is_own, _INTERNAL, columns["referrer_class"])
    columns["referrer_name"] = pc.if_else(is_own, pa.scalar(None, pa.string()), columns["referrer_name"])
    return pa.StructArray.from_arrays(columns.values(), fields=list(told))


class Places:
    """Places by host, domain, or name under any public suffix (`name.*`)."""

    def __init__(self, known: Mapping[str, Mapping[str, list[str]]]) -> None:
        self._known = {
            host: (kind, name)
            for kind, places in known.items()
            for name, hosts in places.items()
            for host in hosts
        }

    def read(self, url: str) -> dict[str, str | None]:
        """The values of the step `referrer`, by field, for a referrer of another site."""
        host, domain = _host(url), _domain_of_url(url)
        hit = next((self._known[each] for each in _names(host, domain) if each in self._known), None)
        kind, name = hit or (_OTHER, None)
        return {"referrer_class": kind, "referrer_name": name, "referrer_domain": domain}


def _names(host: str | None, domain: str | None) -> Iterator[str]:
    """What a host may be known by, the longest first."""
    labels = host.split(".") if host else []
    for i in range(len(labels)):
        yield ".".join(labels[i:])
    if domain:
        yield f"{domain.partition('.')[0]}.*"


def _domain_of_url(url: str) -> str | None:
    """Registered domain of an address on the web; the host of another, such as an app's, or where there is none."""
    host = _host(url)
    return registered_domain(host) if host and url[:4].lower() == "http" else host


def _host(url: str) -> str | None:
    try:
        host = urlsplit(url.strip()).hostname
    except ValueError:  # brackets that hold no address
        return None
    return host.rstrip(".") or None if host else None


@lru_cache(_REMEMBERED)
def registered_domain(host: str) -> str:
    """The part of a host that somebody registered, under its public suffix; the host itself where it has none."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _suffixes().privatesuffix(host) or host
    return host


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
