"""`python -m benchmarks.adaptation`: accuracy against minutes of calibration walk, in results/adaptation.json.

An encoder learns from simulated homes with three to seven access points; other homes are then walked through for some
minutes and lived in. Compared on the very same minutes: fingerprints with k-nearest neighbours and with extra trees,
the preset's GRU from scratch, rooms placed without training, and rooms placed and trained on. With --root also SPHERE,
where nobody walked to calibrate: as many minutes of one sequence, equal shares of each room it visits, stand for a
walk, and other sequences with the same access points are asked. Runs continue where they stopped.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.trained_rooms import last_logits
from smidgen.data import Recording, Windows, concatenate, decide, load_sphere, make_windows, simulate_home, to_frames
from smidgen.data.floorplan import ROOMS
from smidgen.models import AccessPointEncoder, AccessPointEncoderConfig, RoomClassifier, build_model
from smidgen.training import train
from smidgen.training.adaptation import ADAPTATION, adapt, calibration_windows, place_rooms
from smidgen.training.baselines import BASELINES
from smidgen.training.checkpoint import is_complete
from smidgen.training.metrics import score
from smidgen.training.presets import find_preset
from smidgen.training.pretraining import HomeExamples, PretrainingConfig, pretrain, read_pretrained
from smidgen.whole_file import write_whole

RESULTS = Path("results/adaptation.json")
RUNS = Path("runs/adaptation")
MINUTES = (1, 2, 5, 10)
METHODS = ("k-nearest-neighbours", "extra-trees-on-4-windows", "scratch", "placed", "adapted")
PRETRAINING_HOMES = range(100, 132)
CHOICE_HOMES = range(200, 204)
TEST_HOMES = range(300, 304)
SPHERE_METHODS = ("k-nearest-neighbours", "extra-trees-on-4-windows", "placed")
SPHERE_SAME = ("sphere/00001", "sphere/00002", "sphere/00003", "sphere/00004")
"""Sequences that share their access points."""

_PRESET = find_preset("simulated")
_HOP_S = 2.0
_TOOLS = ("smidgen", "torch", "scikit-learn", "numpy")


def main() -> None:
    """Pre-train, adapt and score; write the records."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adaptation", description=main.__doc__)
    parser.add_argument("--root", type=Path, default=None, help="the folder of the real recordings, to try SPHERE too")
    parser.add_argument("--choose", action="store_true", help="score the homes that settings are chosen on, write none")
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"where to write the records (default {RESULTS})")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    encoder = pretrained()
    homes = CHOICE_HOMES if arguments.choose else TEST_HOMES
    records = []
    runs = [_simulated(encoder, homes)]
    if arguments.root is not None and not arguments.choose:
        runs.append(_sphere(encoder, arguments.root))
    for record in chain.from_iterable(runs):
        print(record, flush=True)
        records.append(record)
        if not arguments.choose:
            write_whole(arguments.out, (json.dumps(records, indent=1) + "\n").encode())


def pretrained() -> AccessPointEncoder:
    """Return the encoder after its episodes; a complete run is read back without simulating its homes again."""
    torch.manual_seed(0)
    encoder, config = AccessPointEncoder(AccessPointEncoderConfig()), PretrainingConfig()
    folder = RUNS / "encoder"
    if is_complete(folder):
        return read_pretrained(encoder, config, folder)
    return pretrain(encoder, [_home_examples(seed) for seed in PRETRAINING_HOMES], config, folder)


def _home_examples(seed: int) -> HomeExamples:
    draw = np.random.default_rng(seed)
    rooms = draw.permutation(ROOMS)[: draw.integers(3, 8)]
    home = simulate_home(seed, access_points=tuple(str(room) for room in rooms))
    walked, lived = (to_frames(each, step_s=_PRESET.step_s) for each in (home.calibrate(0), home.record(0)))
    return HomeExamples(
        calibration=calibration_windows(walked, length=_PRESET.length),
        living=make_windows(lived, length=_PRESET.length),
    )


def _simulated(encoder: AccessPointEncoder, homes: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield a record for each home, method and number of minutes; a walk of so many minutes is one of its own."""
    for seed in homes:
        home = simulate_home(seed)
        living = home.record(1)
        for minutes in MINUTES:
            walk = home.calibrate(0, 60.0 * minutes)
            yield from _compared(encoder, walk, [living], minutes, f"simulated-{seed}", METHODS)


def _sphere(encoder: AccessPointEncoder, root: Path) -> Iterator[dict[str, Any]]:
    """Yield a record for each sequence that stands for a walk, method that trains no network, and number of minutes."""
    sequences = {recording.name: recording for recording in load_sphere(root)}
    for name in SPHERE_SAME:
        others = [sequences[other] for other in SPHERE_SAME if other != name]
        for minutes in MINUTES:
            walk = sequences[name]
            yield from _compared(encoder, walk, others, minutes, name.replace("/", "-"), SPHERE_METHODS)


def _compared(
    encoder: AccessPointEncoder,
    walk: Recording,
    living: Sequence[Recording],
    minutes: int,
    home: str,
    methods: Sequence[str],
) -> Iterator[dict[str, Any]]:
    whole = calibration_windows(to_frames(walk, step_s=_PRESET.step_s), length=_PRESET.length)
    calibration = whole[shared_out(whole.label, 60.0 * minutes / _PRESET.step_s)]
    lived = (to_frames(each, step_s=_PRESET.step_s) for each in living)
    asked = concatenate([make_windows(each, length=_PRESET.length) for each in lived])
    visited = np.unique(calibration.label)
    for method in methods:
        folder = RUNS / f"{home}-{minutes}-{method}"
        if method in BASELINES:
            answers = _fingerprints(method, walk, living, minutes)
        else:
            answers = last_logits(_network(method, encoder, calibration, folder), asked).numpy().argmax(axis=1)
        scores = score(asked.label, answers, rooms=asked.rooms)
        yield {
            "data": "simulated" if home.startswith("simulated") else "sphere",
            "home": home,
            "method": method,
            "minutes": minutes,
            "rooms_visited": len(visited),
            "reachable_accuracy": float(np.isin(asked.label, visited).mean()),
            "accuracy": scores.accuracy,
            "macro_f1": scores.macro_f1,
            "n_decisions": scores.decisions,
            "seed": 0,
            "command": "python -m benchmarks.adaptation",
            "versions": " ".join(f"{tool} {version(tool)}" for tool in _TOOLS),
        }


def shared_out(label: NDArray[np.integer[Any]], n: float) -> NDArray[np.intp]:
    """Return the first rows of each room, in equal shares of `n` over the rooms there are; all of a shorter walk."""
    if len(label) <= n:
        return np.arange(len(label))
    rooms = np.unique(label)
    share = max(1, round(n / len(rooms)))
    return np.sort(np.concatenate([np.flatnonzero(label == room)[:share] for room in rooms]))


def _network(method: str, encoder: AccessPointEncoder, calibration: Windows, folder: Path) -> RoomClassifier:
    if method == "placed":
        return place_rooms(encoder, calibration)
    if method == "adapted":
        return adapt(encoder, calibration, folder)
    preset = _PRESET.models["gru"]
    torch.manual_seed(0)
    model = build_model(
        "gru",
        n_access_points=len(calibration.access_points),
        n_motion=calibration.motion.shape[2],
        n_rooms=len(calibration.rooms),
        **preset.shape,
    )
    config = replace(preset.training_for(0), batch_size=ADAPTATION.batch_size)
    return train(model, calibration, None, config, folder, progress=False).model


def _fingerprints(method: str, walk: Recording, living: Sequence[Recording], minutes: int) -> NDArray[np.integer[Any]]:
    """Return what a classical model answers that learnt the decisions of the walk's first minutes."""
    baseline = BASELINES[method]
    label = decide(walk, hop_s=_HOP_S).label
    chosen = shared_out(label, 60.0 * minutes / _HOP_S)
    model = baseline.make_model(0).fit(baseline.features(walk, hop_s=_HOP_S)[chosen], label[chosen])
    features = np.concatenate([baseline.features(each, hop_s=_HOP_S) for each in living])
    answers: NDArray[np.integer[Any]] = model.predict(features)
    return answers


if __name__ == "__main__":
    main()
