"""Files are whole or absent, and reading one runs no code."""

import json
import pickle

import pytest
import torch
from synthetic_home import windows

from smidgen.errors import CheckpointError
from smidgen.models import build_model
from smidgen.training import TrainingConfig, load_model, train
from smidgen.training.checkpoint import WholeFileCheckpointIO, open_run, write_whole

ASKED = {"model": {"name": "gru"}, "training": {"epochs": 3, "rates": (1, 2)}}


def test_a_failed_write_leaves_the_old_file(tmp_path):
    """Bytes that cannot be written whole (here: not bytes at all) never reach the file's name."""
    path = tmp_path / "file"
    write_whole(path, b"old")
    with pytest.raises(TypeError):
        write_whole(path, "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"


def test_a_failed_checkpoint_leaves_the_last_whole_one(tmp_path):
    """An object that cannot be stored leaves the checkpoint before it readable."""
    checkpoints, path = WholeFileCheckpointIO(), tmp_path / "last.ckpt"
    checkpoints.save_checkpoint({"epoch": 1, "tensor": torch.arange(3)}, path)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        checkpoints.save_checkpoint({"epoch": 2, "function": lambda: None}, path)
    assert checkpoints.load_checkpoint(path)["epoch"] == 1


class Trap:
    """Unpickling this would raise a FileExistsError for the folder it makes."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return (type(self.folder).mkdir, (self.folder,))


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    """A pickle that calls something is not loaded, and what it would call is not called."""
    path, folder = tmp_path / "last.ckpt", tmp_path / "made-by-the-trap"
    torch.save({"state": Trap(folder)}, path)
    with pytest.raises(
        CheckpointError, match=r"last\.ckpt cannot be read back as plain .* Delete it to train from the start"
    ):
        WholeFileCheckpointIO().load_checkpoint(path)
    assert not folder.exists()


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_truncated_checkpoint_is_refused(tmp_path, keep):
    """A file cut short anywhere is named, with what to do."""
    path = tmp_path / "last.ckpt"
    WholeFileCheckpointIO().save_checkpoint({"tensor": torch.zeros(1000)}, path)
    content = path.read_bytes()
    path.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    with pytest.raises(CheckpointError, match="cannot be read back"):
        WholeFileCheckpointIO().load_checkpoint(path)


def test_a_folder_is_claimed_once_and_opened_again_by_the_same_run(tmp_path):
    """Tuples and lists are one thing to JSON; a missing and an extra field are differences."""
    open_run(tmp_path / "a" / "b", ASKED)
    open_run(tmp_path / "a" / "b", ASKED)
    with pytest.raises(CheckpointError, match=r"training\.rates is \[1, 2\] there, asked for \[1, 3\]"):
        open_run(tmp_path / "a" / "b", {**ASKED, "training": {"epochs": 3, "rates": (1, 3)}})
    with pytest.raises(CheckpointError, match=r"seed is None there, asked for 1"):
        open_run(tmp_path / "a" / "b", {**ASKED, "seed": 1})
    with pytest.raises(CheckpointError, match=r"training is \{.*\} there, asked for None"):
        open_run(tmp_path / "a" / "b", {"model": {"name": "gru"}})


@pytest.fixture
def complete_run(tmp_path):
    torch.manual_seed(0)
    model = build_model("gru", n_access_points=2, n_motion=6, n_rooms=2, d_model=4)
    train(model, windows(), None, TrainingConfig(epochs=1), tmp_path, progress=False)
    return tmp_path


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / "model.safetensors").unlink(), "not complete. Repeat it to resume"),
        (lambda run: (run / "model.safetensors").write_bytes(b"x" * 100), "does not hold the weights of"),
        (lambda run: (run / "config.json").unlink(), "config.json cannot be read: No such file"),
        (lambda run: (run / "config.json").write_text("{"), "config.json is not JSON"),
        (lambda run: (run / "config.json").write_text("[]"), "must hold a JSON object, found list"),
        (lambda run: (run / "config.json").write_text("{}"), "no entry 'model'"),
        (lambda run: (run / "config.json").write_text('{"model": {"size": 3}}'), "does not describe a model"),
    ],
)
def test_a_damaged_run_is_refused(complete_run, damage, message):
    """Each way a run folder can be broken has its own message."""
    damage(complete_run)
    with pytest.raises(CheckpointError, match=message):
        load_model(complete_run)


def test_weights_of_another_shape_are_refused(complete_run):
    """A config edited by hand no longer fits the weights."""
    config = json.loads((complete_run / "config.json").read_text())
    config["model"]["shape"]["d_model"] = 5
    (complete_run / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="does not hold the weights"):
        load_model(complete_run)
