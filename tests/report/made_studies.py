"""A localisation study as a run on real recordings would write it, made up."""

from typing import Any

ROOMS = ["bathroom", "hall", "study"]


def entry(model: str, role: str, macro_f1_8: float, **changes: Any) -> dict[str, Any]:
    """One row of the leaderboard; what is compiled is given its costs."""
    return {
        "name": f"{model} {changes.get('recipe', 'float')}", "data": "sphere", "protocol": "leave one sequence out",
        "model": model, "role": role, "recipe": "float", "decoding": "off", "delay_s": 0.0,
        "macro_f1": round(macro_f1_8 - 0.02, 3), "macro_f1_8": macro_f1_8, "macro_f1_std": 0.004, "accuracy": 0.95,
        "per_room_f1": {"bathroom": 0.9, "hall": 0.8, "study": None}, "seeds": 3, "parameters": None,
        "ram_bytes": None, "flash_bytes": None, "instructions": None, "mismatched_bytes": None,
        "command": "smidgen localise --data sphere", "versions": "smidgen 1", "argmax_agreement": None,
        "decisions": 6058, "transition_share": 0.2, "transition_error": 0.15, "dwell_error": 0.03,
        "n_compared": 0, "n_emulated": 0, **changes,
    }  # fmt: skip


def program(model: str, macro_f1_8: float, **changes: Any) -> dict[str, Any]:
    """A compiled student that fits a wearable."""
    costs = {
        "recipe": "int8", "ram_bytes": 1_800, "flash_bytes": 14_000, "instructions": 40_000, "mismatched_bytes": 0,
        "parameters": 4_185, "argmax_agreement": 0.998, "n_compared": 18_000, "n_emulated": 2_048,
    }  # fmt: skip
    return entry(model, "student", macro_f1_8, **{**costs, **changes})


def nominees(**rows: tuple[str, str]) -> list[dict[str, str]]:
    """Rows named for questions, by model and recipe, without decoding."""
    return [{"question": question, "model": model, "recipe": recipe, "decoding": "off"}
            for question, (model, recipe) in rows.items()]  # fmt: skip


def study(*entries: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A study of these entries, with a timeline and a confusion matrix."""
    return {
        "title": "Finding rooms in the SPHERE home",
        "command": "smidgen localise --data sphere",
        "versions": {"smidgen": "1", "torch": "2"},
        "data": "sphere",
        "rare_rooms": ["study"],
        "entries": list(entries) or default_entries(),
        "confusion": [
            {"model": "gru-stream int8", "recipe": "int8", "split": "sphere", "rooms": ROOMS,
             "matrix": [[50, 3, 0], [4, 60, 1], [0, 2, 5]]},
        ],
        "timeline": {
            "split": "sphere/00001", "recording": "sphere/00001", "rooms": ROOMS, "time_s": [2.0, 4.0, 6.0, 8.0],
            "truth": [0, 0, 1, 1], "predictions": {"gru-stream int8": [0, 1, 1, 1]},
        },
        "nominees": nominees(**{"student at once": ("gru-stream", "int8"), "teacher": ("conformer", "float")}),
        "delivered": {
            "folder": "runs/localisation/firmware", "model": "gru-stream", "recipe": "int8", "decoding": "off",
            "instructions": {"cortex-m4": 40_000, "cortex-m0plus": 90_000},
        },
        **changes,
    }  # fmt: skip


def default_entries() -> list[dict[str, Any]]:
    """A student with random starts, a teacher, a baseline under four decoders."""
    return [
        entry("gru-stream", "student", 0.845, parameters=4_185),
        program("gru-stream", 0.842),
        program("gru-stream", 0.831, protocol="leave one sequence out, random starts",
                name="gru-stream int8, random starts"),
        entry("conformer", "teacher", 0.935, delay_s=None, accuracy=0.972),
        entry("extra-trees", "baseline", 0.858),
        entry("extra-trees", "baseline", 0.871, decoding="learned, filter", name="extra-trees float, learned, filter"),
        entry("extra-trees", "baseline", 0.895, decoding="learned, Viterbi", delay_s=None,
              name="extra-trees float, learned, Viterbi"),
        entry("extra-trees", "baseline", 0.866, decoding="adjacency, filter",
              name="extra-trees float, adjacency, filter"),
    ]  # fmt: skip
