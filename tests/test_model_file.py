"""`smidgen compile FILE`: from a model and windows in files to a delivered folder, or a refusal that leaves nothing."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import Outcome, smidgen
from deliveries import run_tool
from room_models import windows
from torch import Tensor, nn

import smidgen as package
from smidgen.delivery import read_manifest
from smidgen.model_file import program_name
from smidgen.models import build_model


class Gestures(nn.Module):
    """Acceleration (batch, 10, 3) and a level (batch, 2) to three logits."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.level, self.last = nn.Linear(3, width), nn.Linear(2, width), nn.Linear(width, 3)
        self.deep = nn.Sequential(*(nn.Linear(width, width) for _ in range(2)))

    def forward(self, acceleration: Tensor, level: Tensor) -> Tensor:
        return self.last(self.deep(torch.relu(self.first(acceleration)).mean(1) + self.level(level)))


WINDOWS = {
    "level": np.random.default_rng(0).normal(size=(32, 2)),
    "acceleration": np.random.default_rng(1).normal(size=(32, 10, 3)),
}


def tensors(n: int = 32) -> tuple[Tensor, Tensor]:
    """Return the first windows as the model takes them."""
    acceleration, level = (torch.from_numpy(WINDOWS[name]).float()[:n] for name in ("acceleration", "level"))
    return acceleration, level


def store(path: Path, width: int = 8) -> Path:
    """Write the model with a free batch."""
    free = {0: torch.export.Dim.DYNAMIC}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = torch.export.export(Gestures(width).eval(), tensors(2), dynamic_shapes=(free, free))
        torch.export.save(exported, path)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a model and its windows."""
    store(tmp_path / "My-Gestures.pt2")
    np.savez(tmp_path / "windows.npz", **WINDOWS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(folder: Path, *words: object) -> str:
    """Return the message of a command that must fail and leave everything as it was."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    outcome = smidgen("compile", *words)
    assert (outcome.status, outcome.stdout) == (1, "")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert not (folder / "build").exists()
    return " ".join(outcome.stderr.split())


def test_a_pt2_file_becomes_a_delivered_folder(folder: Path) -> None:
    """The program is the one that Python makes of the module and the same windows; its name is the file's."""
    words = ("--calibration", "windows.npz", "--target", "cortex-m4", "--recipe", "int8", "--trust")
    outcome: Outcome = smidgen("compile", "My-Gestures.pt2", *words, "--out", "firmware/")
    assert outcome.status == 0, outcome.stderr
    assert outcome.stderr == "wrote firmware\n"
    firmware = package.compile(Gestures().eval(), tensors(1), calibration=tensors(), name="my_gestures")
    assert outcome.stdout == f"{firmware}\n"
    for name, text in firmware.program.files.items():
        assert (folder / "firmware/src" / name).read_text() == text
    manifest = read_manifest("firmware")
    assert (manifest.recipe, manifest.target, manifest.name) == ("int8", "cortex-m4", "my_gestures")


def test_json_has_the_costs_and_the_folder(folder: Path) -> None:
    """For machines; the folder's default name is the program's."""
    words = ("--calibration", "windows.npz", "--trust", "--name", "gestures", "--target", "cortex-m0plus", "--json")
    outcome = smidgen("compile", "My-Gestures.pt2", *words)
    assert outcome.status == 0, outcome.stderr
    document = json.loads(outcome.stdout)
    manifest = read_manifest(document["folder"])
    assert document["folder"] == "build/gestures"
    assert document["ram_bytes"] == manifest.measurement.ram_bytes
    assert (document["target"], manifest.target) == ("cortex-m0plus", "cortex-m0plus")


class Counts(nn.Module):
    """A causal model: a GRU and a head at every step."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.gru, self.head = nn.GRU(3, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gru(x)[0])


def test_a_causal_model_becomes_a_step_program(folder: Path) -> None:
    """With --stream the delivered program takes one frame at a time; its own build proves it."""
    x, _ = tensors()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        free = {"x": {0: torch.export.Dim.DYNAMIC}}
        torch.export.save(torch.export.export(Counts().eval(), (x[:2],), dynamic_shapes=free), "counts.pt2")
    np.save("x.npy", x.numpy())
    outcome = smidgen("compile", "counts.pt2", "--calibration", "x.npy", "--stream", "--trust")
    assert outcome.status == 0, outcome.stderr
    manifest = read_manifest("build/counts")
    assert (manifest.entry, manifest.inputs[0].shape) == ("step", (1, 3))
    (folder / "board.txt").write_text(run_tool("make", ["test"], folder / "build/counts"))
    assert "calls of step" in smidgen("verify", "--log", "board.txt", "build/counts").stdout


def test_declared_inputs_reach_the_firmware(folder: Path) -> None:
    """Type and scale as the sensor has them, and what the numbers are, from a TOML file."""
    (folder / "inputs.toml").write_text('[level]\ndtype = "int8"\nscale = 0.5\nunit = "dBm"\naxes = ["radio"]\n')
    words = ("--calibration", "windows.npz", "--inputs", "inputs.toml", "--trust")
    outcome = smidgen("compile", "My-Gestures.pt2", *words)
    assert outcome.status == 0, outcome.stderr
    level = read_manifest("build/my_gestures").inputs[1]
    assert (level.dtype, level.scale, level.unit, level.axes) == ("int8", 0.5, "dBm", ("radio",))


def test_floats_need_one_window_only(folder: Path) -> None:
    """An example, the first window of a file, is enough where nothing is calibrated."""
    outcome = smidgen("compile", "My-Gestures.pt2", "--example", "windows.npz", "--recipe", "float32", "--trust")
    assert outcome.status == 0, outcome.stderr
    assert read_manifest("build/my_gestures").has_float_outputs


def test_the_folder_of_a_model_of_our_own_compiles(folder: Path) -> None:
    """`save_pretrained` and windows are enough; nothing in it can run, so that no trust is needed."""
    model = build_model("gru", n_access_points=3, n_motion=6, n_rooms=5, d_model=8)
    model.save_pretrained("rooms")
    rssi, motion = windows(4)
    np.savez("rooms.npz", motion=motion.numpy(), rssi=rssi.numpy())
    outcome = smidgen("compile", "rooms", "--example", "rooms.npz", "--recipe", "float32")
    assert outcome.status == 0, outcome.stderr
    assert [port.name for port in read_manifest("build/rooms").inputs] == ["rssi", "motion"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("My-Gestures.pt2 --calibration windows.npz", "Pass trust=True (--trust) only for a file of your own"),
        ("My-Gestures.pt2 --trust", "recipe int8 needs --calibration FILE.npz, with one array (windows, ...) for each "
         "input: acceleration, level"),
        ("My-Gestures.pt2 --trust --example windows.npz", "recipe int8 needs --calibration FILE.npz"),
        ("My-Gestures.pt2 --trust --recipe float32", "recipe float32 needs --example or --calibration FILE.npz"),
        ("My-Gestures.pt2 --trust --calibration nowhere.npz", "nowhere.npz: no such file"),
        ("My-Gestures.pt2 --trust --calibration wrong.npz", "an array 'acceleratoin', the model has no such input"),
        ("My-Gestures.pt2 --trust --calibration short.npz", "was exported as torch.float32 (batch, 10, 3), got torch"),
        ("My-Gestures.pt2 --trust --calibration nan.npz", "input level holds NaN or infinity"),
        ("My-Gestures.pt2 --trust --calibration windows.npz --recipe int9", "unknown recipe 'int9'"),
        ("My-Gestures.pt2 --trust --calibration windows.npz --target m99", "unknown target 'm99'"),
        ("My-Gestures.pt2 --trust --calibration windows.npz --name 9x", "the name '9x' becomes C symbols"),
        ("My-Gestures.pt2 --trust --calibration windows.npz --inputs windows.npz", "does not declare inputs"),
        ("large.pt2 --trust --calibration windows.npz", "of flash, cortex-m4 has"),
        ("nowhere.pt2 --trust --calibration windows.npz", "nowhere.pt2"),
        ("windows.npz --trust --calibration windows.npz", "windows.npz"),
        ("My-Gestures.pt2 --trust --calibration windows.npz --out .", "holds files that smidgen did not write"),
        ("My-Gestures.pt2 --trust --calibration windows.npz --stream", "steps along time; all need the same number"),
        ("My-Gestures.pt2 --trust --calibration windows.npz --time-axis 1", "--time-axis does not go with this"),
        ("run --calibration windows.npz", "--calibration does not go with this: run is a run folder"),
        ("run --stream", "--stream does not go with this"),
        ("run --name rooms", "--name does not go with this"),
        ("run --trust", "--trust does not go with this"),
    ],
)  # fmt: skip
def test_refusals_leave_nothing_behind(words: str, message: str, folder: Path) -> None:
    """One message, status 1, and no file or folder more than before."""
    shifted = {**WINDOWS, "acceleratoin": WINDOWS["acceleration"]}
    np.savez("wrong.npz", **{name: shifted[name] for name in ("acceleratoin", "level")})
    np.savez("short.npz", **{**WINDOWS, "acceleration": WINDOWS["acceleration"][:, :, :2]})
    np.savez("nan.npz", **{**WINDOWS, "level": WINDOWS["level"] / np.where(np.arange(32) == 31, np.nan, 1.0)[:, None]})
    if words.startswith("large"):
        store(folder / "large.pt2", width=200)
    (folder / "run").mkdir()
    (folder / "run/job.json").write_text("{}")
    assert message in refused(folder, *words.split())


@pytest.mark.parametrize(
    ("file", "name"),
    [("rooms.pt2", "rooms"), ("My Model (v2).pt2", "my_model_v2"), ("Überraum.pt2", "berraum"), ("_x_.pt2", "x")],
)
def test_names_of_files_become_names_of_programs(file: str, name: str) -> None:
    """Letters, digits and _; whether C takes the rest is checked where the C is made."""
    assert program_name(Path(file)) == name
