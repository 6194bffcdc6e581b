"""Where a published data set lies under the folder that a user names."""

from __future__ import annotations

from pathlib import Path

from smidgen.errors import DataError


def find_folder(root: Path | str, folder: str, *, holds: str, source: str) -> Path:
    """Return the folder of a data set: `root / folder`, or `root` itself where it is that folder.

    Args: holds, a file or folder that every copy has; source, where to get the set, a name or a DOI.
    Raises DataError where neither holds it.
    """
    root = Path(root)
    found = next((place for place in (root / folder, root) if (place / holds).exists()), None)
    if found is None:
        raise DataError(
            f"{root}: expected {folder}/{holds}, found {'none' if root.is_dir() else 'no such folder'}. Fetch the data "
            f"set ({source}) and name the folder it lies in."
        )
    return found
