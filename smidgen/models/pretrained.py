"""Models in folders: `config.json` says which model and of what shape, `model.safetensors` holds its weights.

Reading a folder runs no code: the name is looked up among our classes, the shape is checked field by field, and
safetensors holds numbers only.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from smidgen.errors import CheckpointError, DataError, nearest
from smidgen.typed_json import from_json
from smidgen.whole_file import write_whole

FORMAT_VERSION = 1
CONFIG = "config.json"
WEIGHTS = "model.safetensors"


class PretrainedModel(nn.Module):
    """A model that a folder can hold: built from `config`, an instance of `config_class`; found by its class name."""

    config_class: ClassVar[type]
    config: Any
    _classes: ClassVar[dict[str, type["PretrainedModel"]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        PretrainedModel._classes[cls.__name__] = cls

    @classmethod
    def from_config(cls, config: Any) -> Self:
        """Return an untrained model of this shape."""
        return cls(config)

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write the model into `folder`, each file whole or not at all; returns the folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in self.state_dict().items()}
        head = _Document(format=FORMAT_VERSION, model=type(self).__name__, torch_version=torch.__version__)
        document = {**asdict(head), "config": asdict(self.config)}
        write_whole(folder / WEIGHTS, safetensors.torch.save(tensors))
        write_whole(folder / CONFIG, (json.dumps(document, indent=1) + "\n").encode())
        return folder

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """Return the model that `save_pretrained` wrote, in evaluation mode. Runs no code from the folder.

        Raises CheckpointError where a file is missing or damaged, names an unknown model or size, or where the weights
        are not those of the config.
        """
        folder = Path(folder)
        kind, config = _described(folder / CONFIG)
        if not issubclass(kind, cls):
            raise CheckpointError(f"{folder} holds a {kind.__name__}, asked for a {cls.__name__}")
        path = folder / WEIGHTS
        try:
            state = safetensors.torch.load(path.read_bytes())
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"{path} holds no readable weights: {error}; save the model again") from error
        _require_sizes_within(folder / CONFIG, asdict(config), sum(tensor.numel() for tensor in state.values()))
        with torch.device("meta"):  # takes no memory, whatever sizes the config asks for
            outline = kind.from_config(config)
        _require_same_tensors(path, outline.state_dict(), state)
        model: Self = kind.from_config(config)
        model.load_state_dict(state)
        return model.eval()


def load_model(folder: str | Path) -> PretrainedModel:
    """Return the model in a folder, of whichever class; see `PretrainedModel.from_pretrained`."""
    return PretrainedModel.from_pretrained(folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """What `config.json` holds beside the model's own config."""

    format: int
    model: str
    torch_version: str


def _described(path: Path) -> tuple[type[PretrainedModel], Any]:
    """Return the class that `config.json` names, and its config."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read ({error.strerror}); a model folder holds {CONFIG} and {WEIGHTS}, as "
            "save_pretrained writes them"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON ({error}); save the model again") from error
    if not isinstance(document, dict) or "config" not in document:
        raise CheckpointError(
            f"{path} was not written by save_pretrained: it has no entry 'config'. A checkpoint of another package is "
            "read by smidgen.importing.load_mamba"
        )
    try:
        config = document.pop("config")
        head = from_json(_Document, document, str(path), exact=True)
        if head.format != FORMAT_VERSION:
            raise CheckpointError(f"{path}: format {head.format}, this version reads {FORMAT_VERSION}")
        classes = PretrainedModel._classes
        if head.model not in classes:
            raise CheckpointError(f"{path}: there is no model {head.model!r}; {nearest(head.model, classes)}")
        kind = classes[head.model]
        return kind, from_json(kind.config_class, config, f"{path}: config", exact=True)
    except DataError as error:
        raise CheckpointError(str(error)) from error


def _require_sizes_within(path: Path, config: Mapping[str, Any], n_weights: int) -> None:
    """Refuse a size beyond the number of weights: no model of ours has one, and some sizes count layers to be built."""
    for name, size in config.items():
        if isinstance(size, Mapping):
            _require_sizes_within(path, size, n_weights)
        elif isinstance(size, int) and size > n_weights:
            raise CheckpointError(f"{path}: {name} is {size}, and there are {n_weights} weights beside it")


def _require_same_tensors(path: Path, expected: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor]) -> None:
    missing, unknown = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    if missing or unknown:
        raise CheckpointError(
            f"{path} does not hold the weights of its config: missing {', '.join(missing) or 'none'}; "
            f"unknown {', '.join(unknown) or 'none'}"
        )
    for name, tensor in expected.items():
        if found[name].shape != tensor.shape or found[name].dtype != tensor.dtype:
            raise CheckpointError(
                f"{path}: {name} is {found[name].dtype} {tuple(found[name].shape)}, its config asks for "
                f"{tensor.dtype} {tuple(tensor.shape)}"
            )
