"""What was asked of localisation on SPHERE, target by target: stored with a study, quoted in docs/localisation.md."""

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.stored_records import stored_records
from smidgen.report.study import Study
from smidgen.report.targets import judge_targets
from smidgen.whole_file import write_whole

RECORD = Path("results/localisation_targets.json")
COMMAND = "make localisation"

_ANSWERS = {True: "met", False: "missed", None: "not measured"}


def save_asked(study: Study, path: Path) -> None:
    """Store the verdict on each target of a study on SPHERE."""
    rows = [{**asdict(verdict), "command": study.command} for verdict in judge_targets(study)]
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    write_whole(path, ("[\n" + ",\n".join(lines) + "\n]\n").encode())


def asked_table(root: Path) -> str:
    """Return a row a target: what was asked, what was found, in which row of the leaderboard."""
    lines = ["| asked | found | in | |", "| --- | --- | --- | --- |"]
    for row in stored_records(root / RECORD, COMMAND):
        lines.append(f"| {row['asked']} | {row['found']} | {row['by']} | {_ANSWERS[row['met']]} |")
    return "\n".join(lines)
