"""A `.pt2` archive read as data: its members and its JSON, with nothing in it evaluated, unpickled or imported.

Below one root folder, `torch.export.save` (torch 2.13) stores
    models/model.json                        the graph, sizes as expressions, names, source lines
    data/weights/, data/constants/           raw bytes of tensors, and a JSON file that says their shapes
    data/sample_inputs/model.pt              the example inputs, pickled
    archive_format, archive_version, ...     what the file is
"""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from smidgen.errors import ExportError

ARCHIVE_VERSION = "0"
SCHEMA_MAJOR = 8  # of model.json in torch 2.13

PROGRAM = "models/model.json"
SAMPLE_INPUTS = "data/sample_inputs/model.pt"
#: The folders of raw tensors, and the file in each that says which bytes are which tensor.
PAYLOADS = {
    "data/weights": "data/weights/model_weights_config.json",
    "data/constants": "data/constants/model_constants_config.json",
}

_AGAIN = "Export the model again with torch.export.save of torch 2.13"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """The content of one archive: `members` by path below the root folder, and the three parsed JSON documents."""

    path: Path
    members: Mapping[str, bytes]
    program: Mapping[str, Any]
    payloads: Mapping[str, Mapping[str, Any]]  # by folder: tensor name -> where its bytes are, and their shape


def read_archive(path: str | Path) -> Archive:
    """Read an archive without running anything that it contains.

    Raises ExportError where the file is missing, damaged, cut short, of another format or of another version.
    """
    path = Path(path)
    members = _members(path)
    _require_format(path, members)
    program = _document(path, members, PROGRAM)
    _require_schema(path, program)
    payloads: dict[str, Mapping[str, Any]] = {}
    for folder, config in PAYLOADS.items():
        table = _document(path, members, config).get("config")
        if not isinstance(table, dict):
            raise ExportError(f"{path}: {config} has no table of tensors. {_AGAIN}")
        payloads[folder] = table
    return Archive(path=path, members=members, program=program, payloads=payloads)


def _members(path: Path) -> dict[str, bytes]:
    """Return all members by their path below the root folder."""
    if not path.is_file():
        raise ExportError(f"{path}: there is no such file")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            names = [entry.filename for entry in entries]
            if min((entry.header_offset for entry in entries), default=0) > 0:  # the tail of a file may hold an archive
                raise zipfile.BadZipFile("it does not begin with its first member")
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries) or len(set(names)) < len(names):
                raise ExportError(f"{path}: its members are compressed or doubled, which torch never writes. {_AGAIN}")
            if sum(entry.file_size for entry in entries) > path.stat().st_size:  # members share bytes: a zip bomb
                raise zipfile.BadZipFile("its members are together larger than the file")
            content = {name: archive.read(name) for name in names}
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise ExportError(f"{path} is no readable .pt2 file: {error}. It is damaged or cut short. {_AGAIN}") from error
    roots = {name.partition("/")[0] for name in content}
    if len(roots) != 1:
        raise ExportError(f"{path}: expected one folder in the archive, found {', '.join(sorted(roots)) or 'nothing'}")
    return {str(PurePosixPath(name.partition("/")[2])): data for name, data in content.items()}


def _require_format(path: Path, members: Mapping[str, bytes]) -> None:
    if members.get("archive_format") != b"pt2":
        if "data.pkl" in members:
            raise ExportError(
                f"{path} is a checkpoint of torch.save or TorchScript, no .pt2 file; load it into its module and give "
                "that, or a .safetensors file of its weights"
            )
        raise ExportError(f"{path} is a zip archive but no .pt2 file of torch 2.13. {_AGAIN}")
    version = members.get("archive_version", b"").decode(errors="replace")
    if version != ARCHIVE_VERSION:
        raise ExportError(f"{path}: archive version {version!r}, expected {ARCHIVE_VERSION!r}. {_AGAIN}")
    if members.get("byteorder", b"little") != b"little":
        raise ExportError(f"{path}: its tensors are not little-endian. {_AGAIN} on a little-endian machine")
    others = sorted(name for name in members if name.startswith("models/") and name != PROGRAM)
    if others:
        raise ExportError(f"{path}: expected one program, {PROGRAM}, found also {', '.join(others)}; save it alone")


def _require_schema(path: Path, program: Mapping[str, Any]) -> None:
    version = program.get("schema_version")
    major = version.get("major") if isinstance(version, dict) else None
    if major != SCHEMA_MAJOR:
        raise ExportError(
            f"{path}: program schema {major}, written by torch {program.get('torch_version')}; expected "
            f"{SCHEMA_MAJOR}. {_AGAIN}"
        )


def _document(path: Path, members: Mapping[str, bytes], name: str) -> dict[str, Any]:
    if name not in members:
        raise ExportError(f"{path} has no {name}: it is damaged, or not from torch.export.save. {_AGAIN}")
    try:
        document = json.loads(members[name])
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{path}: {name} is not JSON ({error}). {_AGAIN}") from error
    if not isinstance(document, dict):
        raise ExportError(f"{path}: {name} must hold a JSON object, found {type(document).__name__}. {_AGAIN}")
    return document
