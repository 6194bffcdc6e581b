"""The tables of docs/localisation.md on what an answer is worth: disturbances, confidence, new homes, energy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.stored_records import stored_records
from smidgen.data.corruption import CORRUPTIONS

ADAPTATION = Path("results/adaptation.json")
CONFIDENCE = Path("results/confidence.json")
ENERGY = Path("results/energy.json")
ROBUSTNESS = Path("results/robustness.json")
_BOARD = "nrf52840"


def energy_table(root: Path) -> str:
    """Return what an hour of wear takes on one board: parts that differ, and totals, in mJ."""
    rows = stored_records(root / ENERGY, "python -m benchmarks.wear_energy")
    here = [row for row in rows if row["board"] == _BOARD]
    programs = dict.fromkeys((row["model"], row["recipe"], row["cycles_per_decision_estimate"]) for row in here)
    lines = [
        f"`{_BOARD}`, a decision every 2 s, mJ for an hour of wear; every figure is an **estimate** "
        f"(`{here[0]['command']}`, {here[0]['versions']}).",
        "",
        "| part | access points advertise every 100 ms | every 20 ms |",
        "| --- | ---: | ---: |",
    ]
    parts = [("wrist", "scan", "listening to the access points"), ("connection", "stream", "streaming raw data")]
    parts += [("advertising", "advertise", "advertising raw data, 5 times a second")]
    parts += [("wrist", "accelerometer", "accelerometer"), ("wrist", "sleep", "sleep")]
    for arrangement, part, what in parts:
        lines.append(
            _energy_row(what, [row for row in here if (row["arrangement"], row["part"]) == (arrangement, part)])
        )
    for model, recipe, cycles in programs:
        chosen = [row for row in here if (row["model"], row["recipe"], row["part"]) == (model, recipe, "model")]
        lines.append(_energy_row(f"{model} {recipe} on a whole window, {cycles:,} cycles", chosen))
    return "\n".join(lines)


def robustness_table(root: Path, data: str) -> str:
    """Return macro-F1 without rare rooms of each model under each disturbance, and how the entropy moves."""
    rows = [row for row in stored_records(root / ROBUSTNESS, "python -m benchmarks.robustness") if row["data"] == data]
    columns = list(dict.fromkeys((row["model"], row["training"]) for row in rows))
    by_key = {(row["corruption"], row["severity"], row["model"], row["training"]): row for row in rows}
    heads = [f"{model}, {training}" if model == "gru" else model for model, training in columns]
    lines = [
        f"| disturbance | {' | '.join(heads)} | entropy, nats |",
        "| --- |" + " ---: |" * (len(columns) + 1),
    ]
    degrees = [(name, float(severity)) for name, kind in CORRUPTIONS.items() for severity in kind.severities]
    for corruption, severity in [("none", 0.0), *degrees]:
        cells = [by_key[corruption, severity, *column] for column in columns]
        entropy = next(cell["entropy_nats"] for cell in cells if cell["training"] == "preset")
        scores = " | ".join(f"{cell['macro_f1_without_rare']:.3f}" for cell in cells)
        lines.append(f"| {_degree(corruption, severity)} | {scores} | {entropy:.2f} |")
    decisions = rows[0]["n_decisions"]
    return "\n".join(
        [
            *lines,
            "",
            f"{decisions:,} decisions, seed {rows[0]['seed']} (`{rows[0]['command']}`: {rows[0]['versions']}).",
        ]
    )


def confidence_table(root: Path) -> str:
    """Return the calibration error before and after, and what the thresholds leave."""
    rows = stored_records(root / CONFIDENCE, "python -m benchmarks.confidence")
    lines = [
        "| program | calibration error | negative log-likelihood, nats | confidence | accuracy |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for row in (row for row in rows if row["kind"] == "calibration"):
        what = f"{row['precision']}, " + ("temperatures of " if row["scaled"] else "as trained")
        what += f"{row['temperature_least']:.2f} to {row['temperature_most']:.2f}" if row["scaled"] else ""
        lines.append(
            f"| {what} | {row['expected_calibration_error']:.3f} | {row['negative_log_likelihood']:.3f} "
            f"| {row['confidence']:.3f} | {row['accuracy']:.3f} |"
        )
    lines += [
        "",
        "| program | threshold chosen for | thresholds | answered | right among them |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for row in (row for row in rows if row["kind"] == "unknown"):
        lines.append(
            f"| {row['precision']} | {row['chosen_for']} | {row['threshold_least']:.2f} to {row['threshold_most']:.2f} "
            f"| {row['coverage']:.3f} | {row['accuracy']:.3f} |"
        )
    made = f"(`{rows[0]['command']}`: {rows[0]['versions']})"
    found = f"{rows[0]['n_decisions']:,} decisions, {rows[0]['mismatched_bytes']} bytes differ {made}."
    return "\n".join([*lines, "", found])


def adaptation_table(root: Path, data: str) -> str:
    """Return the mean accuracy over homes, least and most, of each method after so many minutes."""
    rows = [row for row in stored_records(root / ADAPTATION, "python -m benchmarks.adaptation") if row["data"] == data]
    minutes = sorted({row["minutes"] for row in rows})
    lines = ["| method | " + " | ".join(f"{m} min" for m in minutes) + " |", "| --- |" + " ---: |" * len(minutes)]
    for method in dict.fromkeys(row["method"] for row in rows):
        cells = [[r["accuracy"] for r in rows if (r["method"], r["minutes"]) == (method, m)] for m in minutes]
        lines.append(
            f"| {method} | " + " | ".join(f"{sum(c) / len(c):.3f} ({min(c):.2f} to {max(c):.2f})" for c in cells) + " |"
        )
    homes = len({row["home"] for row in rows})
    made = f"Mean accuracy over {homes} homes (least and most), seed 0 (`{rows[0]['command']}`: {rows[0]['versions']})."
    return "\n".join([*lines, "", made])


def _energy_row(what: str, rows: Sequence[dict[str, Any]]) -> str:
    by_interval = {row["advertising_s"]: row for row in rows}
    cells = (by_interval[interval] for interval in (0.1, 0.02))
    return (
        f"| {what} | "
        + " | ".join(f"{row['mj_per_hour_low']:,.0f} to {row['mj_per_hour_high']:,.0f}" for row in cells)
        + " |"
    )


def _degree(corruption: str, severity: float) -> str:
    if corruption not in CORRUPTIONS:
        return "none"
    kind = CORRUPTIONS[corruption]
    return f"{kind.what}: {severity:g} {kind.unit}"
