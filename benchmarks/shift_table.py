"""The table of the sensor shift on the page on localisation, from the record of `python -m benchmarks.sensor_shift`."""

from pathlib import Path

from benchmarks.stored_records import stored_records

RECORD = Path("results/sensor_shift.json")
COMMAND = "python -m benchmarks.sensor_shift"


def shift_table(root: Path) -> str:
    """Return macro-F1 and accuracy of everybody in both directions, hearing all access points or the common ones."""
    records = stored_records(root / RECORD, COMMAND)
    directions = list(dict.fromkeys(record["direction"] for record in records))
    rows = list(dict.fromkeys((record["hearing"], record["model"], record["training"]) for record in records))
    found = {(r["direction"], r["hearing"], r["model"], r["training"]): r for r in records}
    lines = [
        f"Macro-F1 over the rooms of both sides, and accuracy; {records[0]['seeds']} seed(s) "
        f"(`{records[0]['command']}`, {records[0]['versions']}).",
        "",
        f"| hears | model | {' | '.join(directions)} |",
        f"| --- | --- |{' ---: |' * len(directions)}",
    ]
    for row in rows:
        hearing, model, training = row
        cells = [found[direction, *row] for direction in directions]
        scores = " | ".join(f"{cell['macro_f1']:.3f}, {100 * cell['accuracy']:.1f} %" for cell in cells)
        lines.append(f"| {hearing} | {model}{f', {training}' if training else ''} | {scores} |")
    return "\n".join(lines)
