"""Files that are written whole or not at all: a reader, or a kill at any moment, sees the old file or the new one."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path` in one step."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        replace_whole(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def replace_whole(partial: Path, path: Path) -> None:
    """Put the bytes of `partial` on the disk, then give them the name `path` in one step."""
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    partial.replace(path)
