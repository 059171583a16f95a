"""What every lane shares."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from lakehouse.lake import Lake

settings.register_profile("lake", deadline=None, max_examples=100)
settings.load_profile("lake")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A new, empty lake."""
    return Lake.create(tmp_path / "lake")
