"""A report document as a run on real recordings would write it, made up from one seed."""

import random
from typing import Any

from smidgen.records import LayerMeasurement, Measurement

ROOMS = ["bathroom", "bedroom 1", "bedroom 2", "hall", "kitchen", "living room", "stairs", "study", "toilet"]
SPLITS = ["sequence 1", "sequence 4", "sequence 7"]
SEEDS = [0, 1, 2]

_SCORES = {"mamba": 0.812, "transformer": 0.797, "gru": 0.803}
_LAYERS = {
    "mamba": (
        ("input.scale", "Table", 0, 2_940, 310),
        ("layers.0.norm", "RmsNorm", 2_560, 9_460, 96),
        ("layers.0.in_proj", "Linear", 20_480, 41_800, 4_480),
        ("layers.0.conv1d", "CausalConv1d", 5_120, 14_200, 288),
        ("layers.0.x_proj", "Linear", 10_880, 21_940, 1_180),
        ("layers.0.scan", "SelectiveScan", 15_360, 88_700, 1_420),
        ("layers.0.out_proj", "Linear", 10_240, 19_870, 1_190),
        ("head", "Linear", 2_880, 6_200, 380),
    ),
    "transformer": (
        ("embed", "Linear", 7_680, 17_500, 520),
        ("layers.0.attention.qkv", "Linear", 61_440, 118_300, 3_360),
        ("layers.0.attention", "Attention", 25_600, 97_100, 640),
        ("layers.0.attention.out", "Linear", 20_480, 40_600, 1_210),
        ("layers.0.mlp.up", "Linear", 40_960, 79_900, 2_290),
        ("layers.0.mlp.down", "Linear", 40_960, 80_200, 2_240),
        ("head", "Linear", 2_880, 6_200, 380),
    ),
    "gru": (
        ("encoder.gates", "Linear", 23_040, 46_300, 1_960),
        ("encoder.gru", "Gru", 61_440, 151_200, 4_090),
        ("head", "Linear", 2_880, 6_200, 380),
    ),
}


def synthetic_document() -> dict[str, Any]:
    """Return a whole document: three models, two recipes, three held-out sequences, three seeds."""
    chance = random.Random(7)
    measurements = [_measurement(model, recipe) for model in _SCORES for recipe in ("float32", "int8")]
    pooled = [_pooled(measurement) for measurement in measurements]
    return {
        "title": "Room-level localisation, SPHERE Challenge recordings",
        "command": "smidgen demo --data sphere --root ../shared/data",
        "versions": {"smidgen": "0.1.0", "python": "3.11.2", "torch": "2.13.0", "ziglang": "0.15.1"},
        "data": "sphere",
        "rooms": ROOMS,
        "results": [_result(row, split, seed, chance) for row in pooled for split in SPLITS for seed in SEEDS],
        "pooled": pooled,
        "baselines": [
            {"name": "k-nearest-neighbours", "macro_f1": 0.701, "macro_f1_without_rare": 0.729, "accuracy": 0.806},
            {"name": "random-forest", "macro_f1": 0.778, "macro_f1_without_rare": 0.804, "accuracy": 0.862},
            {"name": "extra-trees-on-4-windows", "macro_f1": 0.791, "macro_f1_without_rare": 0.82, "accuracy": 0.871},
        ],
        "rare_rooms": ["study"],
        "confusion": [
            {"model": row["model"], "recipe": row["recipe"], "split": split, "rooms": ROOMS, "matrix": _matrix(chance)}
            for row in pooled
            for split in SPLITS
        ],
        "timeline": _timeline([f"{row['model']} {row['recipe']}" for row in pooled], chance),
        "measurements": measurements,
        "targets": {"ram_limits": [32768, 65536], "flash_limits": [65536]},
    }


def _measurement(model: str, recipe: str) -> dict[str, Any]:
    wide = 4 if recipe == "float32" else 1
    layers = tuple(
        LayerMeasurement(
            name=name,
            op=op,
            macs=macs,
            instructions=int(instructions * (1 + 0.4 * (wide - 1))),
            flash_bytes=flash_bytes * wide,
        )
        for name, op, macs, instructions, flash_bytes in _LAYERS[model]
    )
    state_bytes = {"mamba": 1_408, "transformer": 0, "gru": 256}[model]
    arena_bytes = {"mamba": 2_560, "transformer": 8_960, "gru": 3_072}[model] * wide
    instructions = sum(layer.instructions for layer in layers) + 4_812
    measurement = Measurement(
        program=f"rooms_{model}_{recipe}",
        target="cortex-m4",
        flash_bytes=sum(layer.flash_bytes for layer in layers) + 3_944,
        context_bytes=state_bytes + arena_bytes + 24,
        state_bytes=state_bytes,
        arena_bytes=arena_bytes,
        io_bytes=252 * wide,
        stack_bytes=312 + 40 * wide,
        static_bytes=0,
        instructions=instructions,
        instructions_min=instructions - 391,
        n_inputs=1_204,
        cycles_estimate=int(instructions * 1.31),
        layers=layers,
    )
    return {"model": model, "recipe": recipe, **measurement.to_dict()}


def _pooled(measurement: dict[str, Any]) -> dict[str, Any]:
    model, recipe = measurement["model"], measurement["recipe"]
    loss = 0.0014 if recipe == "int8" else 0.0
    return {
        "model": model,
        "recipe": recipe,
        "n_seeds": len(SEEDS),
        "n_decisions": 3_612,
        "macro_f1_float": _SCORES[model],
        "macro_f1_float_std": 0.0092,
        "macro_f1_integer": _SCORES[model] - loss,
        "macro_f1_integer_std": 0.0101,
        "macro_f1_without_rare": _SCORES[model] - loss + 0.021,
        "accuracy_float": _SCORES[model] + 0.067,
        "accuracy_integer": _SCORES[model] + 0.067 - loss,
        "argmax_agreement": 0.9961 if recipe == "int8" else 1.0,
        "mismatched_bytes": 0,
        "ram_bytes": measurement["ram_bytes"],
        "flash_bytes": measurement["flash_bytes"],
        "instructions": measurement["instructions"],
        "parameters": {"mamba": 8_313, "transformer": 9_489, "gru": 6_201}[model],
        "interval": [-0.0041, 0.0012] if recipe == "int8" else [0.0, 0.0],
    }


def _result(pooled: dict[str, Any], split: str, seed: int, chance: random.Random) -> dict[str, Any]:
    shift = round(chance.uniform(-0.02, 0.02), 4)
    return {
        "model": pooled["model"],
        "recipe": pooled["recipe"],
        "data": "sphere",
        "split": split,
        "seed": seed,
        "macro_f1_float": pooled["macro_f1_float"] + shift,
        "macro_f1_integer": pooled["macro_f1_integer"] + shift,
        "macro_f1_without_rare": pooled["macro_f1_without_rare"] + shift,
        "accuracy_integer": pooled["accuracy_integer"] + shift,
        "accuracy_float": pooled["accuracy_float"] + shift,
        "argmax_agreement": pooled["argmax_agreement"],
        "mismatched_bytes": 0,
        "ram_bytes": pooled["ram_bytes"],
        "state_bytes": 1_408,
        "arena_bytes": 2_560,
        "stack_bytes": 352,
        "flash_bytes": pooled["flash_bytes"],
        "instructions": pooled["instructions"],
        "cycles_estimate": int(pooled["instructions"] * 1.31),
        "parameters": pooled["parameters"],
        "n_windows": 1_204,
        "n_emulated": 1_204 if seed == 0 else 100,
        "logit_error": 0.0213 if pooled["recipe"] == "int8" else 2.1e-6,
    }


def _matrix(chance: random.Random) -> list[list[int]]:
    visits = [38, 62, 24, 90, 210, 402, 41, 6, 19]
    matrix = [[0] * len(ROOMS) for _ in ROOMS]
    for room, n in enumerate(visits):
        for _ in range(n):
            wrong = chance.random() < (0.5 if room == 7 else 0.13)
            matrix[room][chance.choice([3, 6, room - 1, (room + 1) % 9]) if wrong else room] += 1
    return matrix


def _timeline(programs: list[str], chance: random.Random) -> dict[str, Any]:
    truth: list[int] = []
    room = 5
    while len(truth) < 1_500:
        truth += [room] * (chance.randint(8, 25) if room in (3, 6) else chance.randint(30, 190))
        if chance.random() < 0.12:
            truth += [-1] * 12
        room = chance.choice([3, 6]) if room not in (3, 6) else chance.choice([0, 1, 2, 4, 4, 5, 5, 5, 7, 8])
    predictions = {}
    for program in programs:
        steps, offset = [], 0
        for index in range(len(truth)):
            if offset == 0 and chance.random() < 0.015:
                offset = chance.randint(4, 30)
            late = truth[max(0, index - 3)] if truth[max(0, index - 3)] >= 0 else 5
            steps.append(chance.choice([3, 6]) if offset and offset % 9 == 0 else (3 if offset else late))
            offset = max(0, offset - 1)
        predictions[program] = steps
    return {
        "split": "sequence 4",
        "recording": "sphere 00004",
        "rooms": ROOMS,
        "time_s": [float(index) for index in range(len(truth))],
        "truth": truth,
        "predictions": predictions,
    }
