"""`python -m benchmarks.decoding`: what temporal decoding gives and costs on SPHERE: results/decoding.json.

Every baseline, left one sequence out, without decoding and under each kind of transitions and each method, with all
choices nested; then the decoder as firmware, on the same evidence, against the reference in float64. Trainings are kept
in the run folder: each baseline learns 36 times, which takes an hour on one core.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

import smidgen
from smidgen.data import Recording, decide, recording_hash
from smidgen.data.sphere import load_sphere
from smidgen.decoding import EvidenceConfig, fixed_lag_max_product, log_evidence, on_grid
from smidgen.evaluation import macro_f1_without
from smidgen.jobs import Finished, read_finished, write_finished
from smidgen.models import RoomDecoder
from smidgen.records import Measurement
from smidgen.training.baselines import BASELINES, train_baseline
from smidgen.training.decoded_folds import (
    METHODS,
    TRANSITIONS,
    Decoding,
    HeldOut,
    decode_folds,
    held_out_sets,
    make_transitions,
    outer_and_inner,
    room_shares,
)
from smidgen.training.metrics import score
from smidgen.whole_file import write_whole

RESULTS = Path("results/decoding.json")
COMMAND = "python -m benchmarks.decoding"
DELAYS = (0, 1, 2)
TARGETS = ("cortex-m4", "cortex-m0plus")
HOP_S = 2.0

_RARE = "study"  # 17 decisions of 6,058
_FIRMWARE_OF = "extra-trees-on-4-windows"  # whose evidence the firmware decodes: the best that answers at once
_WINDOW = 20  # decisions of a calibration window
_EMULATED = 64  # decisions of each recording on the emulated core; the host runs all
_TOOLS = ("smidgen", "scikit-learn", "torch", "ziglang", "unicorn")


def main() -> None:
    """Train, or read back; decode; compile the decoders and hold them against the reference; write the record."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=main.__doc__)
    parser.add_argument("--root", type=Path, default=Path("../shared/data"), help="folder that holds sphere_challenge")
    parser.add_argument("--runs", type=Path, default=Path("runs/decoding"), help="where probabilities are kept")
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"where to write the record (default {RESULTS})")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recordings = load_sphere(arguments.root)
    origin = {"command": COMMAND, "versions": " ".join(f"{tool} {version(tool)}" for tool in _TOOLS)}
    records: list[dict[str, Any]] = []
    for name in BASELINES:
        found = {held_out: _held_out(name, recordings, held_out, arguments.runs) for held_out in held_out_sets(8)}
        outer, inner = outer_and_inner(found)
        for decoding in (Decoding(), *(Decoding(transitions=t, method=m) for t in TRANSITIONS for m in METHODS)):
            records.append({**_scored(name, outer, inner, decoding, recordings[0].rooms), **origin})
            print(json.dumps(records[-1]), flush=True)
        if name == _FIRMWARE_OF:
            for delay, target in product(DELAYS, TARGETS):
                records.append({**_firmware(outer, delay, target), **origin})
                print(json.dumps(records[-1]), flush=True)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(arguments.out, (json.dumps(records, indent=1) + "\n").encode())


def _held_out(name: str, recordings: Sequence[Recording], held_out: tuple[int, ...], runs: Path) -> list[HeldOut]:
    """Return the recordings that were left out, as the baseline says that learned the others; kept in a folder."""
    folder = runs / f"{name}-without-{'-'.join(map(str, held_out))}"
    job = {"baseline": name, "held_out": held_out, "recordings": [recording_hash(each) for each in recordings]}
    finished = read_finished(folder, job)
    if finished is None:
        others = [recording for i, recording in enumerate(recordings) if i not in held_out]
        trained = train_baseline(name, others, seed=0, hop_s=HOP_S)
        finished = Finished(document={}, arrays={str(i): trained.probabilities(recordings[i]) for i in held_out})
        folder.mkdir(parents=True, exist_ok=True)
        write_finished(folder, job, finished)
    decisions = [decide(recordings[i], hop_s=HOP_S) for i in held_out]
    return [
        HeldOut(index=each.index, label=each.label, probabilities=finished.arrays[str(i)])
        for i, each in zip(held_out, decisions, strict=True)
    ]


def _scored(
    name: str,
    outer: Sequence[HeldOut],
    inner: Mapping[tuple[int, int], HeldOut],
    decoding: Decoding,
    rooms: Sequence[str],
) -> dict[str, Any]:
    folds = decode_folds(outer, inner, decoding, rooms=rooms)
    truth = np.concatenate([one.label for one in outer])
    scores = score(truth, np.concatenate([fold.rooms for fold in folds]), rooms=rooms)
    own = BASELINES[name].delay * HOP_S
    delay_s = decoding.delay_s(HOP_S)
    return {
        "data": "sphere",
        "protocol": "leave one sequence out, transitions and evidence chosen within the training side",
        "model": name,
        "transitions": decoding.transitions,
        "method": decoding.method,
        "delay_s": None if delay_s is None else own + delay_s,
        "macro_f1": scores.macro_f1,
        "macro_f1_8": macro_f1_without(scores, [_RARE]),
        "accuracy": scores.accuracy,
        "per_room_f1": dict(scores.f1),
        "seeds": 1,
        "chosen": [None if fold.evidence is None else [fold.evidence.alpha, fold.evidence.sharpness] for fold in folds],
    }


def _firmware(outer: Sequence[HeldOut], delay: int, target: str) -> dict[str, Any]:
    """Return what the decoder costs, and how often its integers choose the room of the float64 reference."""
    same = total = mismatched = 0
    measured: Measurement | None = None
    for i, one in enumerate(outer):
        others = [other for j, other in enumerate(outer) if j != i]
        transitions = make_transitions("learned", others, one.probabilities.shape[1])
        prior, evidence = room_shares(others, transitions.n_rooms), EvidenceConfig(alpha=0.5)
        decoder = RoomDecoder.of(transitions, prior=prior, evidence=evidence, delay=delay)
        calibration = torch.cat([_windows(other) for other in others])
        stream = smidgen.stream(decoder, calibration[:1], calibration=calibration, target=target, name="decoder")
        logits = torch.from_numpy(_logits(one)).float()[None]
        integer = stream.run(logits)
        assert isinstance(integer, torch.Tensor)
        reference = fixed_lag_max_product(
            log_evidence(np.exp(_logits(one)), prior, evidence), transitions, lag=delay
        ).argmax(axis=1)
        answered = integer[0].numpy().argmax(axis=1)[delay:]
        same += int((answered == reference[: len(answered)]).sum())
        total += len(answered)
        mismatched += stream.check(logits, emulate=_EMULATED).mismatched_bytes
        measured = measured or stream.measurement
    assert measured is not None
    return {
        "data": "sphere",
        "model": "room decoder",
        "evidence": _FIRMWARE_OF,
        "transitions": "learned",
        "method": "max-product" if delay == 0 else f"fixed-lag-{delay}",
        "delay_s": delay * HOP_S,
        "target": target,
        "argmax_agreement": same / total,
        "n_decisions": total,
        "mismatched_bytes": mismatched,
        "ram_bytes": measured.ram_bytes,
        "state_bytes": measured.state_bytes,
        "flash_bytes": measured.flash_bytes,
        "instructions": measured.instructions,
    }


def _logits(one: HeldOut) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return logarithms (K, R) of probabilities, in steps of a decision: 0 where none was asked."""
    uniform = np.full(one.probabilities.shape[1], 1 / one.probabilities.shape[1])
    return on_grid(log_evidence(one.probabilities, uniform, EvidenceConfig(alpha=0.0)), one.index)


def _windows(one: HeldOut) -> torch.Tensor:
    """Return a recording in windows (n, t, R) for calibration."""
    logits = _logits(one)
    whole = len(logits) // _WINDOW * _WINDOW
    return torch.from_numpy(logits[:whole].reshape(-1, _WINDOW, logits.shape[1])).float()


if __name__ == "__main__":
    main()
