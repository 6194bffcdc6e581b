"""Weights from a file, as tensors by name: numbers only, whatever the file claims to be."""

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from smidgen.errors import CheckpointError

_PICKLED = (".pt", ".pth", ".bin", ".ckpt")


def read_state_dict(source: str | Path | Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a state_dict: one in memory, a `.safetensors` file, or a file of torch.save.

    A file of torch.save is read as plain data only (`weights_only=True`): one that would have to call anything is
    refused. One level of nesting, as training loops write it, is looked through: {"state_dict": {...}, "epoch": 3}.

    Raises CheckpointError where there is no file, it is damaged, or it holds anything but tensors.
    """
    if isinstance(source, Mapping):
        return _tensors(source, "the state_dict")
    path = Path(source)
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file")
    if path.suffix == ".safetensors":
        try:
            return safetensors.torch.load(path.read_bytes())
        except SafetensorError as error:
            raise CheckpointError(f"{path} is no readable safetensors file: {error}") from error
    if path.suffix not in _PICKLED:
        raise CheckpointError(
            f"{path}: expected a state_dict in .safetensors, {', '.join(_PICKLED)}, found {path.suffix or 'no suffix'}"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises whatever the bytes lead it to
        raise CheckpointError(
            f"{path} cannot be read as plain tensors ({type(error).__name__}): it is damaged, or holds objects that "
            "would run code. Save model.state_dict() alone, best with safetensors"
        ) from error
    return _tensors(content, str(path))


def _tensors(content: object, where: str) -> dict[str, Tensor]:
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError(f"{where} holds no tensors by name, found {type(content).__name__}")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointError(f"{where}: {name!r} is no tensor, found {type(value).__name__}")
    return dict(content)
