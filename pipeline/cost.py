"""What a run on AWS may cost, by how long runs like it took."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from contracts.prices import prices
from lakehouse.profile import Profile

_HOUR: Final = 3600
_BILLED_SECONDS: Final = 60
"""Glue and Fargate bill a minute at least."""
_CORES: Final = 4
"""vCPU of a Glue DPU, and of the Fargate task that is reckoned with."""
_MEMORY: Final = 16
"""GB of that task."""
_PARTITIONS: Final = 8
"""Into how many lots Spark deals keys where the profile says nothing: the cores of two workers."""


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars, to four places, and what they are reckoned from."""

    usd: Decimal
    basis: str


def estimated_cost(profile: Profile, seconds: float | None, objects: int) -> Cost | None:
    """What a run may cost that takes so long and reads so many objects.

    None on one machine, and where no time is known. Storage, the Glue catalogue and Athena's reads are not in it.
    """
    if not profile.is_remote or seconds is None:
        return None
    hours = Decimal(max(seconds, _BILLED_SECONDS)) / _HOUR
    if profile.engine == "spark":
        units = math.ceil((profile.partitions or _PARTITIONS) / _CORES) + 1
        rate, basis = units * prices()["glue.dpu_hour"].usd, f"{units} DPU of Glue, one of them the driver's"
    else:
        rate = _CORES * prices()["fargate.vcpu_hour"].usd + _MEMORY * prices()["fargate.gb_hour"].usd
        basis = f"a Fargate task of {_CORES} vCPU and {_MEMORY} GB"
    read = prices()["s3.thousand_gets"].usd * objects / 1000
    looked_up = min(each.looked_up for each in prices().values())
    return Cost(
        (hours * rate + read).quantize(Decimal("0.0001")), f"{basis}; us-east-1, prices of {looked_up}"
    )
