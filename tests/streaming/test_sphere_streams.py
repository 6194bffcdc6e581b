"""Whole real recordings, frame by frame: the steps of the room models equal the graph of the recording's length."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

import smidgen
from smidgen.data import to_frames
from smidgen.data.sphere import load_sphere
from smidgen.evaluation import SENSOR_INPUTS
from smidgen.models import LastStep, build_model

DATA = Path(os.environ.get("SMIDGEN_DATA", Path(__file__).parents[3] / "shared" / "data"))
WINDOW = 20  # frames that are compiled and calibrated on
SHAPES = {"gru": {"d_model": 16}, "mamba": {"d_model": 16, "d_state": 4}}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (DATA / "sphere_challenge").is_dir(), reason=f"the SPHERE recordings are not in {DATA}; set SMIDGEN_DATA"
    ),
]


@cache
def recordings() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return rssi and motion (1, frames, features) of every recording, the shortest first."""
    frames = sorted((to_frames(recording) for recording in load_sphere(DATA)), key=len)
    return [(torch.from_numpy(f.rssi).float()[None], torch.from_numpy(f.motion)[None]) for f in frames]


def stream(name: str, recipe: str) -> smidgen.StreamingFirmware:
    """Return an untrained room model as a stream, calibrated on windows of the shortest recording."""
    torch.manual_seed(0)
    rssi, motion = recordings()[0]
    model = LastStep(
        build_model(name, n_access_points=rssi.shape[2], n_motion=motion.shape[2], n_rooms=9, **SHAPES[name])
    )
    starts = np.linspace(0, rssi.shape[1] - WINDOW, 64).astype(int)
    windows = tuple(torch.cat([array[:, i : i + WINDOW] for i in starts]) for array in (rssi, motion))
    return smidgen.stream(model.eval(), windows, calibration=windows, recipe=recipe, name="rooms", inputs=SENSOR_INPUTS)


def test_the_shortest_recording_streams_whole() -> None:
    """Every answer of the C is the reference's, the last that of the graph at the recording's length."""
    shortest = recordings()[0]
    n_frames = shortest[0].shape[1]
    report = stream("gru", "int8").check(shortest, lengths=[WINDOW, n_frames])
    assert report.mismatched_bytes == 0
    assert report.n_frames == report.host.n_samples == n_frames > 1000


@pytest.mark.parametrize("recipe", ["int8", "int16", "float32"])
@pytest.mark.parametrize("name", SHAPES)
def test_every_recording_streams_whole(name: str, recipe: str) -> None:
    """All recordings from reset to their end, on the host; one whole on the emulated core."""
    shortest, *others = recordings()
    firmware = stream(name, recipe)
    report = firmware.check([shortest, *others], emulate=1000)
    assert report.mismatched_bytes == 0
    assert report.n_frames == sum(rssi.shape[1] for rssi, _ in recordings())
    assert max(report.windows) == others[-1][0].shape[1]
