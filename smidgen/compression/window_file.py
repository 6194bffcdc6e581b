"""Windows in a file: one array an input in a `.npz`, or the only input's in a `.npy`. Loading one runs no code."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from smidgen.compression.inputs import Batch
from smidgen.errors import ConfigError, nearest


def read_windows(path: str | Path, inputs: Mapping[str, torch.dtype | None]) -> Batch:
    """Return the windows of each input, (windows, *shape), in the order of `inputs`.

    Args: inputs, the type that each input takes; None: float32 for fractions, int64 for integers.
    Raises ConfigError for a file that is missing, damaged or of another kind, for names that are not those of the
    inputs, and for arrays that do not hold as many windows each.
    """
    path = Path(path)
    arrays = _read_arrays(path, list(inputs))
    unknown = [name for name in arrays if name not in inputs]
    missing = [name for name in inputs if name not in arrays]
    if unknown:
        raise ConfigError(
            f"{path} holds an array {unknown[0]!r}, the model has no such input; {nearest(unknown[0], inputs)}"
        )
    if missing:
        raise ConfigError(f"{path} holds no array for input {missing[0]!r}; it holds {', '.join(arrays) or 'nothing'}")
    counts = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(counts.values())) > 1 or 0 in counts.values():
        told = ", ".join(f"{name} {arrays[name].shape}" for name in inputs)
        raise ConfigError(
            f"{path}: every array is (windows, ...) with the same number of windows, at least 1; got {told}"
        )
    return tuple(_tensor(path, name, arrays[name], dtype) for name, dtype in inputs.items())


def _read_arrays(path: Path, names: list[str]) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if not isinstance(loaded, np.ndarray):
                return {name: loaded[name] for name in loaded.files}
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: no such file; give a .npz with one array for each input ({', '.join(names)})"
        ) from error
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, SyntaxError) as error:
        raise ConfigError(
            f"{path} is no readable .npz or .npy file of numbers ({error}); write it with np.savez(path, name=array)"
        ) from error
    if len(names) != 1:
        raise ConfigError(
            f"{path} holds one array, the model has {len(names)} inputs ({', '.join(names)}): save a .npz of one "
            "array for each, np.savez(path, name=array, ...)"
        )
    return {names[0]: loaded}


def _tensor(path: Path, name: str, array: NDArray[Any], dtype: torch.dtype | None) -> torch.Tensor:
    kind = array.dtype.kind
    if kind not in "fiub":  # fractions, integers, truth values
        raise ConfigError(f"{path}: array {name!r} holds {array.dtype}; expected numbers")
    chosen = dtype or (torch.float32 if kind == "f" else torch.bool if kind == "b" else torch.int64)
    if kind == "f" and not chosen.is_floating_point:
        raise ConfigError(f"{path}: array {name!r} holds {array.dtype}, the input takes {chosen}; save it as integers")
    return torch.from_numpy(np.ascontiguousarray(array, array.dtype.newbyteorder("="))).to(chosen)
