"""`python -m benchmarks.sensor_shift`: train before the access points changed, test after, and the reverse.

SPHERE's sequences 1 to 4 hear Kitchen, Lounge and Upstairs, 7 to 9 Kitchen, Upstairs and Study. Scored on the rooms
that both sides have. Everybody competes twice: hearing whatever there is, and only the access points that both sides
have; networks also as trained with access points dropped. Settings were fixed beforehand: those of the data set's
preset, and one access point in three dropped. Finished trainings are read back from the run folder.
"""

import argparse
import dataclasses
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from smidgen.data import Recording, Split, Windows, concatenate, decide, make_windows, to_frames
from smidgen.data.sphere import load_sphere, sensor_shift
from smidgen.evaluation import model_inputs
from smidgen.models import build_model
from smidgen.training import train
from smidgen.training.baselines import CAUSAL_BASELINES, train_baseline
from smidgen.training.metrics import Scores, score
from smidgen.training.presets import find_preset
from smidgen.whole_file import write_whole

RESULTS = Path("results/sensor_shift.json")
COMMAND = "python -m benchmarks.sensor_shift"
HEARING = ("all", "common")
NETWORKS = ("gru",)
DROPPED = {"preset": 0.03, "access points dropped": 1 / 3}

_TOOLS = ("smidgen", "torch", "lightning", "scikit-learn")


def main() -> None:
    """Train, or read back, everybody in both directions; score; write the record."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=main.__doc__)
    parser.add_argument("--root", type=Path, default=Path("../shared/data"), help="folder that holds sphere_challenge")
    parser.add_argument("--runs", type=Path, default=Path("runs/sensor-shift"), help="where trainings are kept")
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"where to write the record (default {RESULTS})")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each contestant (default 3)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    origin = {
        "command": f"{COMMAND} --seeds {arguments.seeds}",
        "versions": " ".join(f"{tool} {version(tool)}" for tool in _TOOLS),
    }
    records = []
    for whole in sensor_shift(load_sphere(arguments.root)):
        for hearing in HEARING:
            split = whole if hearing == "all" else _hearing_common(whole)
            for model, training in [
                *((name, "") for name in CAUSAL_BASELINES),
                *((n, t) for n in NETWORKS for t in DROPPED),
            ]:
                scores = [
                    _baseline(split, model, seed)
                    if not training
                    else _network(split, model, training, seed, hearing, arguments.runs)
                    for seed in range(arguments.seeds)
                ]
                found = {"model": model, "training": training, "hearing": hearing, "direction": whole.name}
                records.append({**found, **_summary(scores), **origin})
                print(json.dumps(records[-1]), flush=True)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(arguments.out, (json.dumps(records, indent=1) + "\n").encode())


def _hearing_common(split: Split[Recording]) -> Split[Recording]:
    """Return the split as if no access point were there that one side lacks."""
    present = np.array([recording.present for recording in (*split.train, *split.test)]).all(axis=0)

    def without(recording: Recording) -> Recording:
        rssi = np.where(present, recording.rssi_dbm, np.nan).astype(np.float32)
        return dataclasses.replace(recording, rssi_dbm=rssi, present=tuple(present.tolist()))

    return Split(name=split.name, train=tuple(map(without, split.train)), test=tuple(map(without, split.test)))


def _baseline(split: Split[Recording], name: str, seed: int) -> Scores:
    trained = train_baseline(name, split.train, seed=seed)
    return _scored(split, [trained.predictions(recording) for recording in split.test])


def _network(split: Split[Recording], name: str, training: str, seed: int, hearing: str, runs: Path) -> Scores:
    preset = find_preset("sphere").models[name]
    config = preset.training_for(seed)
    augmentation = dataclasses.replace(config.augmentation, drop_access_point=DROPPED[training])
    windows = _windows(split.train)
    torch.manual_seed(seed)
    model = build_model(
        name, n_access_points=len(windows.access_points), n_motion=windows.motion.shape[2], n_rooms=len(windows.rooms),
        **preset.shape,
    )  # fmt: skip
    folder = runs / "-".join((split.name, hearing, name, training, str(seed))).replace(" ", "-")
    result = train(model, windows, None, dataclasses.replace(config, augmentation=augmentation), folder, progress=False)
    with torch.no_grad():
        predicted = [
            result.model(*model_inputs(_windows([recording])))[:, -1].argmax(-1).numpy() for recording in split.test
        ]
    return _scored(split, predicted)


def _windows(recordings: Sequence[Recording]) -> Windows:
    preset = find_preset("sphere")
    return concatenate(
        [make_windows(to_frames(recording, step_s=preset.step_s), length=preset.length) for recording in recordings]
    )


def _scored(split: Split[Recording], predicted: Sequence[NDArray[np.integer]]) -> Scores:
    """Score the decisions in rooms that both sides have."""
    sides = [np.concatenate([decide(recording).label for recording in side]) for side in (split.train, split.test)]
    asked = np.isin(sides[1], np.intersect1d(*map(np.unique, sides)))
    return score(sides[1][asked], np.concatenate(predicted)[asked], rooms=split.test[0].rooms)


def _summary(scores: Sequence[Scores]) -> dict[str, Any]:
    """Return means over seeds; the macro-F1 is that of the rooms that were asked."""
    f1 = [
        np.mean([value for room, value in each.f1.items() if each.confusion[each.rooms.index(room)].any()])
        for each in scores
    ]
    return {
        "data": "sphere",
        "protocol": "sensor shift, rooms of both sides",
        "macro_f1": float(np.mean(f1)),
        "macro_f1_std": float(np.std(f1)),
        "accuracy": float(np.mean([each.accuracy for each in scores])),
        "seeds": len(scores),
        "n_decisions": scores[0].decisions,
    }


if __name__ == "__main__":
    main()
