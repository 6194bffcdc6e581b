"""Where the published data sets lie, and how tests that need one are skipped without it."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("SMIDGEN_DATA", Path(__file__).parents[2] / "shared" / "data"))


def needs(folder: str) -> pytest.MarkDecorator:
    """Skip the test, with the reason, where the data set is not there."""
    return pytest.mark.skipif(
        not (DATA / folder).is_dir(), reason=f"{folder} is not under {DATA}; set SMIDGEN_DATA to run this"
    )
