from typing import Any

import pytest
from synthetic import synthetic_document


@pytest.fixture
def document() -> dict[str, Any]:
    """A whole report document; a test may change it."""
    return synthetic_document()
