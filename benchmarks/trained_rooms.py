"""Room classifiers for studies of their answers: trained once in a run folder, read back whenever asked again."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch

from smidgen.benchmark import Benchmark
from smidgen.data import Recording, Windows
from smidgen.models import RoomClassifier, build_model
from smidgen.training import AugmentationConfig, train

MODEL = "gru"
SEED = 0

#: Nothing; the preset's own; and what papers on BLE in homes use (+-6 dB, +-3 dB, 15 % of access points, bursts).
AUGMENTATIONS = {
    "plain": AugmentationConfig(),
    "preset": None,
    "strong": AugmentationConfig(offset_db=6.0, noise_db=3.0, drop_access_point=0.15, burst=0.2, longest_burst=10),
}


def trained_rooms(
    benchmark: Benchmark, recordings: Sequence[Recording], *, augmentation: str, folder: Path, seed: int = SEED
) -> RoomClassifier:
    """Return the data set's preset GRU, trained on these recordings under one of AUGMENTATIONS."""
    preset = benchmark.preset.models[MODEL]
    windows = benchmark.windows(tuple(recordings))
    torch.manual_seed(seed)
    model = build_model(
        MODEL,
        n_access_points=len(windows.access_points),
        n_motion=windows.motion.shape[2],
        n_rooms=len(windows.rooms),
        **preset.shape,
    )
    config = preset.training_for(seed)
    chosen = AUGMENTATIONS[augmentation]
    if chosen is not None:
        config = dataclasses.replace(config, augmentation=chosen)
    return train(model, windows, None, config, folder, progress=False).model


def last_logits(model: RoomClassifier, windows: Windows) -> torch.Tensor:
    """Return the room logits (n, R) of each window's last step."""
    with torch.no_grad():
        logits: torch.Tensor = model(torch.from_numpy(windows.rssi).float(), torch.from_numpy(windows.motion))[:, -1]
    return logits.contiguous()
