"""Small examples for tests."""

from typing import Any

import numpy as np

from smidgen.data.examples import DBM, Examples


def make_examples(label=(0, 0, 1, 1), /, **changes: Any) -> Examples:
    """Return fingerprints of two radios, one a label, each a group of its own; any field may be changed."""
    n = len(label)
    fields: dict[str, Any] = {
        "name": "test",
        "unit": DBM,
        "features": ("a", "b"),
        "values": [np.array([[-50.0 - i, np.nan]], dtype=np.float32) for i in range(n)],
        "classes": ("hall", "kitchen"),
        "label": np.array(label, dtype=np.int16),
        "group": np.arange(n).astype(np.str_),
        "tags": {"phone": np.array([str(i % 2) for i in range(n)])},
    }
    return Examples(**(fields | changes))
