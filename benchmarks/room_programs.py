"""The programs that benchmarks measure: the study's networks, untrained, as their cost does not depend on weights."""

import torch

import smidgen
from smidgen.evaluation import SENSOR_INPUTS
from smidgen.firmware import Firmware
from smidgen.models import LastStep, build_model
from smidgen.training.presets import find_preset

_ACCESS_POINTS, _MOTION, _ROOMS = 4, 6, 9


def compile_room_program(model: str, recipe: str) -> Firmware:
    """Compile a model of the SPHERE preset twice and return the second; other weights, so that no build is cached."""
    preset = find_preset("sphere")
    windows = room_windows(64)
    for seed in range(2):
        torch.manual_seed(seed)
        network = build_model(
            model, n_access_points=_ACCESS_POINTS, n_motion=_MOTION, n_rooms=_ROOMS, **preset.models[model].shape
        )
        firmware = smidgen.compile(
            LastStep(network),
            tuple(value[:1] for value in windows),
            calibration=windows,
            recipe=recipe,
            name="rooms",
            inputs=SENSOR_INPUTS,
        )
    return firmware


def room_windows(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rssi (n, T, A) in dBm, a third of it not heard, and motion (n, T, M) in g."""
    length = find_preset("sphere").length
    generator = torch.Generator().manual_seed(0)
    rssi = torch.randint(-100, -40, (n, length, _ACCESS_POINTS), generator=generator).float()
    rssi[torch.rand(rssi.shape, generator=generator) < 0.3] = 127.0
    return rssi, 0.3 * torch.randn(n, length, _MOTION, generator=generator)
