"""A new home in minutes: from a pre-trained encoder and a calibration walk to a classifier of this home's rooms.

The walk gives each room its centre among the encoder's states (`AccessPointEncoder.classifier`); that needs no training
and answers at once. Then all weights train on for a few epochs on the walk's own windows, through the usual loop with
its run folder, so that the access points, alike so far, become those of this home.
"""

from dataclasses import replace
from pathlib import Path

import torch

from smidgen.data import Frames, Windows, make_windows
from smidgen.errors import DataError
from smidgen.models import AccessPointEncoder, RoomClassifier
from smidgen.models.access_point_encoder import room_centres
from smidgen.training.augmentation import AugmentationConfig
from smidgen.training.checkpoint import open_run, tensors_fingerprint
from smidgen.training.config import TrainingConfig
from smidgen.training.loop import train

ADAPTATION = TrainingConfig(
    epochs=20,
    batch_size=32,
    learning_rate=4e-3,
    weight_decay=0.0,  # would pull towards no knowledge, not towards what other homes taught
    augmentation=AugmentationConfig(offset_db=3.0, noise_db=2.0, drop_access_point=0.05, burst=0.05, longest_burst=6),
)
"""Set on simulated homes that are in no table; one other setting, 10 epochs at 1e-3, was only tried at one home and two
minutes, so this is no search."""


def calibration_windows(frames: Frames, *, length: int, minutes: float | None = None) -> Windows:
    """Return one window a frame of a walk, or of its first minutes: a walk is too short to use only each other second.

    Raises: DataError where no frame of them has a room.
    """
    windows = make_windows(frames, length=length, hop_s=frames.step_s)
    if minutes is not None:
        windows = windows[windows.time_s <= 60.0 * minutes]
    if not len(windows):
        where = "" if minutes is None else f" in the first {minutes} minutes"
        raise DataError(f"{frames.name}: no labelled window{where}. Note the room from the start of a walk.")
    return windows


def place_rooms(encoder: AccessPointEncoder, calibration: Windows) -> RoomClassifier:
    """Return the classifier of a home whose rooms lie where the walk's windows lie; nothing is trained.

    A room that the walk did not visit is not answered.
    """
    label = torch.from_numpy(calibration.label).long()
    with torch.no_grad():
        states = encoder(torch.from_numpy(calibration.rssi).float(), torch.from_numpy(calibration.motion))[:, -1]
        centres = room_centres(states, label, n_rooms=len(calibration.rooms))
        return encoder.classifier(centres, n_access_points=len(calibration.access_points)).eval()


def adapt(
    encoder: AccessPointEncoder,
    calibration: Windows,
    run_folder: Path,
    *,
    config: TrainingConfig = ADAPTATION,
    seed: int = 0,
) -> RoomClassifier:
    """Place the rooms, then train on; repeating the call continues a run that was killed, or reads it back.

    Raises: CheckpointError where the folder holds another run, or one that began from another encoder.
    """
    open_run(run_folder, {"encoder": tensors_fingerprint(encoder.state_dict().values())})
    model = place_rooms(encoder, calibration)
    return train(model, calibration, None, replace(config, seed=seed), run_folder / "training", progress=False).model
