"""What a run on AWS may cost: by hand, from the prices."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lakehouse.profile import Profile
from pipeline.cost import estimated_cost

S3 = "s3://bucket/lake"


@pytest.mark.parametrize(
    ("settings", "seconds", "objects", "usd"),
    [
        ({"engine": "spark", "partitions": 16}, 3600.0, 0, "2.2000"),  # 4 workers and the driver's, at 0.44
        ({"engine": "spark", "partitions": 17}, 1800.0, 0, "1.3200"),  # a worker begun is a worker
        ({"engine": "spark"}, 3600.0, 1_000_000, "1.7200"),  # 3 DPU, and a million reads for 0.40
        ({}, 3600.0, 0, "0.2330"),  # 4 vCPU at 0.04048, 16 GB at 0.004445
        ({}, 1.0, 0, "0.0039"),  # a minute of it
    ],
)
def test_a_cost_is_time_by_price_and_reads(
    settings: dict[str, object], seconds: float, objects: int, usd: str
) -> None:
    profile = Profile(store=S3, **settings)  # type: ignore[arg-type]
    cost = estimated_cost(profile, seconds, objects)
    assert cost is not None
    assert cost.usd == Decimal(usd)


@pytest.mark.parametrize(("profile", "seconds"), [(Profile(), 60.0), (Profile(store=S3), None)])
def test_on_one_machine_and_without_a_known_time_none_is_told(
    profile: Profile, seconds: float | None
) -> None:
    assert estimated_cost(profile, seconds, 10) is None
