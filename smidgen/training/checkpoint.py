"""What a training run leaves on disk, written whole or not at all, and read without ever unpickling code.

A run folder holds
    config.json          what was asked: the model, the training, a fingerprint of the training windows
    checkpoints/last.ckpt    everything needed to continue after a kill; written after every epoch
    logs/                one CSV and one TensorBoard log for each time the run was started or resumed
    model.safetensors    the final weights; its presence says that the run is complete
    result.json          the scores of the complete run
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from safetensors import SafetensorError
from torch import Tensor, nn

from smidgen.errors import CheckpointError, ConfigError
from smidgen.models import ClassifierConfig, RoomClassifier
from smidgen.whole_file import replace_whole, write_whole

CONFIG = "config.json"
CHECKPOINT = "checkpoints/last.ckpt"
WEIGHTS = "model.safetensors"
RESULT = "result.json"


def open_run(run_folder: Path, config: Mapping[str, Any]) -> None:
    """Claim a folder for a run of this config: a new folder gets it, a folder of the same run is opened again.

    Raises: CheckpointError where the folder belongs to a run of another config, naming the fields that differ.
    """
    path = run_folder / CONFIG
    asked = _canonical(config)
    if not path.exists():
        run_folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(asked, indent=2).encode())
        return
    _refuse_differences(run_folder, asked, read_json(path))


def _refuse_differences(run_folder: Path, asked: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
    differences = list(_differences(asked, stored))
    if differences:
        raise CheckpointError(
            f"{run_folder} belongs to another run: {'; '.join(differences)}. "
            "Choose another run folder, or delete this one to start over."
        )


def require_run(run_folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse a folder whose run was asked otherwise in any of the entries given; others are not looked at.

    Raises: CheckpointError where it holds no run, or one that differs, naming the fields.
    """
    stored = read_json(run_folder / CONFIG)
    _refuse_differences(run_folder, _canonical(config), {key: stored.get(key) for key in config})


def tensors_fingerprint(tensors: Iterable[Tensor]) -> str:
    """Return a hash of tensors in their order, so that a run is never continued from other weights or on other data."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode() + tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def is_complete(run_folder: Path) -> bool:
    return (run_folder / WEIGHTS).exists()


def save_result(run_folder: Path, scores: Mapping[str, float]) -> None:
    """Write the scores of a run; written before the weights, which say that the run is complete."""
    write_whole(run_folder / RESULT, json.dumps(dict(scores), indent=2).encode())


def read_result(run_folder: Path) -> dict[str, float]:
    return read_json(run_folder / RESULT)


def save_model(model: nn.Module, run_folder: Path) -> None:
    """Write the final weights; config.json beside them says how to build the model."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_whole(run_folder / WEIGHTS, safetensors.torch.save(tensors))


def load_model(run_folder: Path) -> RoomClassifier:
    """Return the trained model of a complete run of a room classifier, in evaluation mode; errors as `load_weights`."""
    model = RoomClassifier(_model_config(run_folder / CONFIG))
    load_weights(model, run_folder)
    return model


def trained_on(run_folder: Path) -> str | None:
    """Return the fingerprint of the data that a run was trained on; None where it was written without.

    Raises: CheckpointError where the folder holds no run.
    """
    data = read_json(run_folder / CONFIG).get("data", {})
    return data.get("train") if isinstance(data, dict) else None


def load_weights(model: nn.Module, run_folder: Path) -> None:
    """Give `model` the weights of a complete run, and put it into evaluation mode.

    Raises: CheckpointError where the run is missing, not complete, damaged, or of another shape than its config says.
    """
    path = run_folder / WEIGHTS
    if not path.exists():
        raise CheckpointError(f"{run_folder} has no {WEIGHTS}: its training is not complete. Repeat it to resume.")
    try:
        model.load_state_dict(safetensors.torch.load(path.read_bytes()))
    except (SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not hold the weights of this {type(model).__name__}: {error}") from error
    model.eval()


class WholeFileCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoints, replaced in one step, so that a kill leaves the last whole one; loaded as data only."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        torch.save(checkpoint, partial)
        replace_whole(partial, path)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Raises: CheckpointError where the file is damaged or would have to run code to be read."""
        try:
            checkpoint: dict[str, Any] = torch.load(path, map_location=map_location, weights_only=True)
        except Exception as error:  # torch.load raises whatever the damaged bytes lead it to
            raise CheckpointError(
                f"{path} cannot be read back as plain tensors and numbers ({type(error).__name__}): it is damaged, or "
                "was not written by this training loop. Delete it to train from the start."
            ) from error
        return checkpoint


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file. Raises: CheckpointError where it is missing or holds something else."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read: {error.strerror}. Is this the folder of a training run?"
        ) from error
    except ValueError as error:
        raise CheckpointError(f"{path} is not JSON ({error}); delete the run folder and train again") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} must hold a JSON object, found {type(content).__name__}")
    return content


def _model_config(path: Path) -> ClassifierConfig:
    stored = read_json(path)
    if "model" not in stored:
        raise CheckpointError(f"{path} has no entry 'model'; train into a new run folder")
    try:
        return ClassifierConfig(**stored["model"])
    except (TypeError, ConfigError) as error:
        raise CheckpointError(f"{path} does not describe a model that can be built: {error}") from error


def _canonical(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config as JSON reads it back (tuples are lists, and so on)."""
    canonical: dict[str, Any] = json.loads(json.dumps(config))
    return canonical


def _differences(asked: Any, stored: Any, where: str = "") -> list[str]:
    """Return 'training.epochs is 3 there, asked for 5' for each field that differs."""
    if isinstance(asked, dict) and isinstance(stored, dict):
        return [
            difference
            for key in dict.fromkeys([*asked, *stored])
            for difference in _differences(asked.get(key), stored.get(key), f"{where}.{key}".lstrip("."))
        ]
    return [] if asked == stored else [f"{where} is {stored!r} there, asked for {asked!r}"]
