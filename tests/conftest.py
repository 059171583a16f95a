"""What every lane shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from lakehouse.lake import Lake

os.environ["LAKE_PSEUDONYM_KEYS"] = str(Path(__file__).with_name("pseudonym_keys.json"))
"""Lakes are compared with each other, so they make the same pseudonyms; subprocesses inherit it."""

settings.register_profile("lake", deadline=None, max_examples=100)
settings.load_profile("lake")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A new, empty lake."""
    return Lake.create(tmp_path / "lake")
