"""`manifest.json`: what a delivered folder holds, what it was made from, what it costs, and how a board proves it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from smidgen.errors import DataError, DeliveryError
from smidgen.records import Measurement
from smidgen.typed_json import from_json

MANIFEST = "manifest.json"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredFile:
    """One file as it was written."""

    n_bytes: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> "DeliveredFile":
        """Describe a file by its content."""
        return cls(n_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredPort:
    """One input or output as the firmware takes or gives it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    scale: float | None = None  # real = scale * (q - zero_point); None for floats and indices
    zero_point: int | None = None
    unit: str = ""
    axes: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The contents of `manifest.json`."""

    name: str
    recipe: str
    target: str
    entry: str  # what the program is called by: "invoke" for a window, "step" for a frame
    model_sha256: str  # of the graph that the C was made from
    weights_sha256: str  # of its constants
    known_answer_crc32: str  # of all outputs, in order, for the self-test's input, e.g. "0x0123ABCD"
    has_float_outputs: bool  # floats may differ in bits between compilers, integers never
    parameters: int  # trained values of the model
    inputs: tuple[DeliveredPort, ...]
    outputs: tuple[DeliveredPort, ...]
    measurement: Measurement
    versions: Mapping[str, str]  # of what made the folder, "smidgen" among them
    files: Mapping[str, DeliveredFile]  # by path in the folder, with "/"; all but the manifest itself

    def to_json(self) -> bytes:
        """Return the file's content: the same delivery gives the same bytes."""
        files = {path: asdict(file) for path, file in sorted(self.files.items())}
        document = {
            "format": FORMAT_VERSION,
            **asdict(self),
            "measurement": self.measurement.to_dict(),
            "files": files,
        }
        return (json.dumps(document, indent=1) + "\n").encode()


def read_manifest(folder: str | Path) -> Manifest:
    """Return the manifest of a delivered folder; raise DeliveryError where there is none or it is damaged."""
    path = Path(folder) / MANIFEST
    if not path.is_file():
        nested = sorted(str(found.parent) for found in Path(folder).glob(f"build/*/{MANIFEST}"))
        hint = f"did you mean {' or '.join(nested)}?" if nested else "give a folder that `smidgen compile` wrote"
        raise DeliveryError(f"{folder} is no delivered folder, it has no {MANIFEST}; {hint}")
    try:
        document = json.loads(path.read_bytes())
        if not isinstance(document, dict) or document.get("format") != FORMAT_VERSION:
            raise ValueError(f"it is not of format {FORMAT_VERSION}")
        manifest = from_json(Manifest, document, "manifest")
        for name in manifest.files:
            check_path(name)
    except (ValueError, DataError, RecursionError) as error:
        raise DeliveryError(
            f"{path} is no manifest that this version of smidgen reads: {error}. Compile again into a new folder"
        ) from error
    return manifest


def check_path(name: str) -> None:
    """Raise ValueError for a path that leaves the folder: files that a manifest lists may be replaced and removed."""
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in name:
        raise ValueError(f"file {name!r} is outside the folder")
