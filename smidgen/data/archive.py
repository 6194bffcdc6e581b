"""Read the files in a zip archive, as data sets are published, with errors that name archive and member."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from smidgen.errors import DataError


def read_members(path: Path, *, ending: str) -> Iterator[tuple[str, bytes]]:
    """Yield the name within the archive and the bytes of each member whose name has this ending, in order of names.

    Raises DataError for an archive that is missing, cut short or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(ending):
                    yield name, archive.read(name)
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: expected a zip archive, found a damaged one ({error}). Fetch it again.") from error
    except OSError as error:
        raise DataError(f"{path}: expected a zip archive, found none ({error.strerror}). Check the path.") from None


def read_text_member(path: Path, name: str) -> str:
    """Return the text of one member; DataError where it is missing, besides what `read_members` refuses."""
    for found, content in read_members(path, ending=name):
        if found == name:
            try:
                return content.decode("utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}: {name}: expected UTF-8 text, found byte {content[error.start]:#04x}."
                ) from None
    raise DataError(f"{path}: expected {name} in the archive, found none. Fetch the archive again.")
