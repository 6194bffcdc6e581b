"""What the page of a study is drawn from: the leaderboard, and what only pictures need beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.benchmark import HOMES, Benchmark
from smidgen.decoding.transitions import LONGEST_GAP
from smidgen.localisation.contestants import FLOAT
from smidgen.localisation.decodings import OFF
from smidgen.localisation.delivery import Delivered
from smidgen.localisation.fold import HOP_S
from smidgen.localisation.job import StudyResult
from smidgen.localisation.nominees import NOMINEES
from smidgen.localisation.scoring import Row
from smidgen.pooling import Pool
from smidgen.records import LocalisationRecord
from smidgen.targets import WearConfig, estimate_wear_energy, find_target
from smidgen.training.metrics import confusion_matrix

NEAR_S = 4.0
"""Decisions that end at most so long before or after a change of room are counted as transitions."""

BOARD = "nrf52840"
"""For which energy is estimated: a common wearable's, with published currents of core and radio."""

Ranked = Sequence[tuple[Row, LocalisationRecord]]


def study_document(
    command: str,
    versions: Mapping[str, str],
    benchmark: Benchmark,
    pool: Pool,
    rows: Ranked,
    delivered: Delivered | None,
    ceiling: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return what a study found, as `localisation.json` holds it; `ceiling` is the row of `ceiling_entry`, if any."""
    shown = _shown(rows, delivered)
    return {
        "title": f"Finding rooms in {HOMES[benchmark.name]}",
        "command": command,
        "versions": dict(versions),
        "data": benchmark.name,
        "rare_rooms": list(pool.rare),
        "entries": [
            *({"name": row.name, **asdict(record), **_insight(row)} for row, record in rows),
            *(() if ceiling is None else (ceiling,)),
        ],
        "confusion": [confusion for row, _ in shown for confusion in _confusions(row)],
        "timeline": _timeline([row for row, _ in shown]),
        "energy": _energy(rows, delivered),
        "nominees": [asdict(nominee) for nominee in NOMINEES],
        "delivered": None if delivered is None else asdict(delivered),
    }


def _energy(rows: Ranked, delivered: Delivered | None) -> list[dict[str, Any]]:
    """Return what an hour of wear takes with the delivered program, part by part; nothing without its cycles."""
    programs = [program for row, _ in rows if _is_delivered(row, delivered) for program in row.programs()]
    cycles = [program.cycles_estimate for program in programs if program.cycles_estimate is not None]
    if not cycles:
        return []
    wear = WearConfig(cycles_per_decision=max(cycles), decision_s=HOP_S)
    names = ("board", "arrangement", "part", "mj_per_hour_low", "mj_per_hour_high")
    parts = estimate_wear_energy(find_target(BOARD), wear).records()
    return [{name: part[name] for name in names} for part in parts]


def _shown(rows: Ranked, delivered: Delivered | None) -> Ranked:
    """Return what the pictures show: the delivered student, the teacher that was named, the best of the baselines."""
    whole = [(row, record) for row, record in rows if row.protocol == "whole"]
    teachers = [nominee.model for nominee in NOMINEES if nominee.question == "teacher"]
    chosen = [pair for pair in whole if _is_delivered(pair[0], delivered)]
    chosen += [pair for pair in whole if pair[0].contestant in teachers and pair[0].decoding == OFF]
    baselines = [pair for pair in whole if pair[1].role == "baseline"]
    if baselines:
        chosen.append(max(baselines, key=lambda pair: pair[1].macro_f1_8))
    return chosen or whole[:1]


def _is_delivered(row: Row, delivered: Delivered | None) -> bool:
    if delivered is None or row.protocol != "whole":
        return False
    return (row.contestant, row.recipe, row.decoding) == (delivered.model, delivered.recipe, delivered.decoding)


def _insight(row: Row) -> dict[str, Any]:
    """Return where a row errs, and how often it names the room that the same model names in Python."""
    near = np.concatenate([near_change(result) for result in row.results])
    wrong = np.concatenate([result.predictions[row.key] != result.truth for result in row.results])
    in_python = f"{FLOAT}/{row.decoding}/{row.protocol}"
    agreement = None
    if row.recipe != FLOAT and in_python in row.results[0].predictions:
        same = [result.predictions[row.key] == result.predictions[in_python] for result in row.results]
        agreement = float(np.concatenate(same).mean())
    return {
        "argmax_agreement": agreement,
        "decisions": sum(len(result.truth) for result in row.of_seed(row.seeds[0])),
        "transition_share": float(near.mean()),
        "transition_error": float(wrong[near].mean()) if near.any() else None,
        "dwell_error": float(wrong[~near].mean()) if (~near).any() else None,
        "n_compared": sum(program.n_compared for program in row.programs()),
        "n_emulated": sum(program.n_emulated for program in row.programs()),
    }


def near_change(result: StudyResult) -> NDArray[np.bool_]:
    """Return which scored decisions (n,) lie within NEAR_S of a change of the true room."""
    reach = round(NEAR_S / HOP_S)
    near = np.zeros(len(result.truth), dtype=np.bool_)
    together = (np.diff(result.recording) == 0) & (np.diff(result.index) <= LONGEST_GAP)
    for change in np.flatnonzero(together & (np.diff(result.truth) != 0)) + 1:
        same = result.recording == result.recording[change]
        distance = result.index - result.index[change]
        near |= same & (distance >= -reach) & (distance < reach)
    return near


def _confusions(row: Row) -> list[dict[str, Any]]:
    """Return one matrix a home, its held-out parts summed, of the first seed."""
    by_rooms: dict[tuple[str, ...], list[StudyResult]] = {}
    for result in row.of_seed(row.seeds[0]):
        by_rooms.setdefault((result.home, *result.rooms), []).append(result)
    confusions = []
    for (home, *rooms), results in by_rooms.items():
        matrices = [
            confusion_matrix(result.truth, result.predictions[row.key], n_rooms=len(rooms)) for result in results
        ]
        about = {"model": row.name, "recipe": row.recipe, "split": home, "rooms": list(rooms)}
        confusions.append({**about, "matrix": np.sum(matrices, axis=0).tolist()})
    return confusions


def _timeline(rows: Sequence[Row]) -> dict[str, Any]:
    """Return truth and predictions over the first held-out recording, first seed."""
    first = [row.of_seed(row.seeds[0])[0] for row in rows]
    shown = first[0].recording == 0
    return {
        "split": first[0].split,
        "recording": first[0].recordings[0],
        "rooms": list(first[0].rooms),
        "time_s": ((first[0].index[shown] + 1) * HOP_S).tolist(),
        "truth": first[0].truth[shown].tolist(),
        "predictions": {
            row.name: result.predictions[row.key][shown].tolist() for row, result in zip(rows, first, strict=True)
        },
    }
