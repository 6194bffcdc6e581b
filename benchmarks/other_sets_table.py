"""The table of other data sets on the page on data, from the record of `python -m benchmarks.other_sets`."""

from pathlib import Path
from typing import Any

from benchmarks.stored_records import stored_records

RECORD = Path("results/other_sets.json")
COMMAND = "python -m benchmarks.other_sets"


def other_sets_table(root: Path) -> str:
    """Return accuracy and macro-F1 of everybody on each set, and what the int8 programs cost."""
    records = stored_records(root / RECORD, COMMAND)
    lines = [
        f"`{COMMAND}` writes them ({records[0]['versions']}).",
        "",
        "| set and protocol | target | model | accuracy | macro-F1 | RAM | flash | instructions | mismatched bytes |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    whole = {record["data"]: record["n_decisions"] for record in records if record["role"] == "network"}
    for record in records:
        first = record["role"] == "baseline"
        question = f"{record['data']}, {record['protocol']} | {record['target']}" if first else " | "
        lines.append(f"| {question} | {_who(record, whole[record['data']])} | {_scores(record)} | {_costs(record)} |")
    return "\n".join(lines)


def _who(record: dict[str, Any], n_decisions: int) -> str:
    """Return the model, its parameters, and how many trainings, and of which decisions, stand behind the row."""
    if record["role"] == "baseline":
        return str(record["model"])
    counted = record.get("members", record["seeds"])
    trainings = f"mean of {counted} seeds" if counted > 1 else "one seed"
    program = "int8 program" if record["n_decisions"] == n_decisions else "int8 program, first fold only"
    role = {"network": trainings, "committee": f"committee of {counted}", "int8 program": program}[record["role"]]
    return f"{record['model']}, {record['parameters']:,} parameters: {role}"


def _scores(record: dict[str, Any]) -> str:
    spread = f" ± {record['accuracy_std']:.3f}" if record["seeds"] > 1 else ""
    return f"{record['accuracy']:.3f}{spread} | {record['macro_f1']:.3f}"


def _costs(record: dict[str, Any]) -> str:
    if record["role"] != "int8 program":
        return "| | |"
    return " | ".join(f"{record[key]:,}" for key in ("ram_bytes", "flash_bytes", "instructions", "mismatched_bytes"))
