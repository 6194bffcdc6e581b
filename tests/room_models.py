"""Small room classifiers with their windows: what the tests of compilation and verification compile."""

import torch

import smidgen
from smidgen.evaluation import SENSOR_INPUTS
from smidgen.firmware import Firmware
from smidgen.models import LastStep, build_model

STEPS, ACCESS_POINTS, MOTION, ROOMS = 12, 3, 6, 5

#: Sizes that keep every operator and compile quickly.
SHAPES = {
    "mamba": {"d_model": 8, "d_state": 4},
    "transformer": {"d_model": 8, "n_heads": 2, "d_feedforward": 16, "n_positions": STEPS},
    "gru": {"d_model": 8},
}

#: As small, the networks that are no part of the demonstration.
STUDENT_SHAPES = {
    "mamba2": {"d_model": 8, "d_state": 4},
    "tcn": {"d_model": 8, "n_layers": 2},
    "mlp": {"d_model": 8, "n_frames": 5},
    "mdcsa": {"d_model": 4, "gate_expand": 1, "n_positions": STEPS},
}


def windows(n: int, *, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rssi (n, T, A) in whole dBm, a third of it not heard, and motion (n, T, M) in g."""
    generator = torch.Generator().manual_seed(seed)
    rssi = torch.randint(-100, -40, (n, STEPS, ACCESS_POINTS), generator=generator).float()
    rssi[torch.rand(rssi.shape, generator=generator) < 0.3] = 127.0
    return rssi, 0.3 * torch.randn(n, STEPS, MOTION, generator=generator)


def network(name: str, *, seed: int = 0) -> LastStep:
    """Return an untrained classifier as it is deployed."""
    torch.manual_seed(seed)
    model = build_model(
        name, n_access_points=ACCESS_POINTS, n_motion=MOTION, n_rooms=ROOMS, **(SHAPES | STUDENT_SHAPES)[name]
    )
    return LastStep(model).eval()


def compiled(name: str, recipe: str, **options: object) -> Firmware:
    """Return a classifier compiled for the Cortex-M4."""
    return smidgen.compile(
        network(name), windows(1), calibration=windows(64), recipe=recipe, name="rooms", inputs=SENSOR_INPUTS, **options
    )
