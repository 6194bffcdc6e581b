"""Records of measurements as they are kept in results/."""

import json
from pathlib import Path
from typing import Any

from smidgen.errors import DataError


def stored_records(path: Path, command: str) -> list[dict[str, Any]]:
    """Return the records in a file; DataError, with the command that writes it, where it cannot be read."""
    try:
        records: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); `{command}` writes it") from error
    return records
