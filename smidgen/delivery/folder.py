"""A delivery on the disk: what an older one left is replaced or removed, and nothing that is not ours is touched."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from smidgen.delivery.contents import Delivery
from smidgen.delivery.manifest import MANIFEST, DeliveredFile, check_path, read_manifest
from smidgen.errors import DeliveryError
from smidgen.whole_file import write_whole

#: While a delivery is being written: the hashes that each of our files may have, so that a killed one can be repeated.
_JOURNAL = ".smidgen-delivery.json"

_PARTIAL = re.compile(r"\..+\.\d+\.partial")  # what a kill leaves of `write_whole`


def save_delivery(delivery: Delivery, folder: str | Path) -> Path:
    """Write a delivery into `folder`, which is made if need be; each file whole, the manifest last.

    Files of an older delivery that are not made any more are removed; what others put beside them stays. Raises
    DeliveryError, and changes nothing, for a folder of other files, or where one of our files was changed since.
    """
    if not isinstance(folder, str | Path):
        raise DeliveryError(f"a folder is a path, got {folder!r}")
    folder = Path(folder)
    files = delivery.files()
    manifest = delivery.manifest(files).to_json()
    ours = _ours(folder)
    for path in sorted({*files, *ours}):
        _require_ours(folder, path, ours.get(path, frozenset()) | _hash(files.get(path)))
    folder.mkdir(parents=True, exist_ok=True)
    _write_journal(folder, {path: ours.get(path, frozenset()) | _hash(files.get(path)) for path in {*files, *ours}})
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(folder / path, content)
    for leftover in list(_leftovers(folder, {*files, *ours, MANIFEST, _JOURNAL})):
        leftover.unlink(missing_ok=True)
    for path in sorted({*ours} - {*files}):
        _remove(folder, path)
    write_whole(folder / MANIFEST, manifest)
    (folder / _JOURNAL).unlink()
    return folder


def _ours(folder: Path) -> dict[str, frozenset[str]]:
    """Return the hashes that our files in the folder may have, by path; refuse a folder that holds only others'."""
    in_the_way = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if in_the_way.exists() and not in_the_way.is_dir():
        raise DeliveryError(f"{in_the_way} is a file; choose a new or an empty folder")
    journal = folder / _JOURNAL
    ours: dict[str, frozenset[str]] = {}
    if (folder / MANIFEST).exists():
        ours = {path: frozenset({file.sha256}) for path, file in read_manifest(folder).files.items()}
    if journal.exists():
        for path, hashes in _read_journal(journal).items():
            ours[path] = ours.get(path, frozenset()) | hashes
    elif not ours and folder.exists():
        foreign = sorted(path.name for path in folder.iterdir() if not _PARTIAL.fullmatch(path.name))
        if foreign:
            raise DeliveryError(
                f"{folder} holds files that smidgen did not write ({_few(foreign)}); "
                "choose a new or an empty folder, nothing was changed"
            )
    return ours


def _require_ours(folder: Path, path: str, hashes: frozenset[str]) -> None:
    place = folder / path
    if not place.exists() and not place.is_symlink():
        return
    if not place.is_file() or DeliveredFile.of(place.read_bytes()).sha256 not in hashes:
        raise DeliveryError(
            f"{place} was changed since it was delivered, or is not smidgen's; "
            "move it away or choose another folder, nothing was changed"
        )


def _hash(content: bytes | None) -> frozenset[str]:
    return frozenset() if content is None else frozenset({DeliveredFile.of(content).sha256})


def _write_journal(folder: Path, hashes: Mapping[str, frozenset[str]]) -> None:
    document = {path: sorted(hashes[path]) for path in sorted(hashes)}
    write_whole(folder / _JOURNAL, json.dumps(document, indent=1).encode())


def _read_journal(journal: Path) -> dict[str, frozenset[str]]:
    try:
        hashes = {path: frozenset(hashes) for path, hashes in json.loads(journal.read_bytes()).items()}
        for path in hashes:
            check_path(path)
    except (ValueError, TypeError, AttributeError) as error:
        raise DeliveryError(f"{journal} is damaged ({error}); choose another folder, nothing was changed") from error
    return hashes


def _remove(folder: Path, path: str) -> None:
    """Remove one of our files and the folders that it leaves empty."""
    place = folder / path
    place.unlink(missing_ok=True)
    for parent in place.parents[: len(Path(path).parts) - 1]:
        if parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()


def _leftovers(folder: Path, paths: set[str]) -> Iterator[Path]:
    """Yield what killed deliveries left of our files."""
    for path in paths:
        place = folder / path
        yield from (found for found in place.parent.glob(f".{place.name}.*.partial") if _PARTIAL.fullmatch(found.name))


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
