"""The page's table of kernels, from the records that `python -m benchmarks.kernels` writes."""

import json
from pathlib import Path
from typing import Any

from smidgen.errors import DataError

KERNEL_RECORDS = Path("results/kernels.json")


def kernel_table(root: Path) -> str:
    """Return what each work costs beside the baseline and the target that was set for it; misses are marked."""
    path = root / KERNEL_RECORDS
    try:
        records: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); `python -m benchmarks.kernels` writes it") from error
    met = sum(record["ours"] <= record["target"] for record in records)
    lines = [
        f"{met} of {len(records)} targets are met (`{records[0]['command']}`).",
        "",
        "| work | core | unit | ours | baseline | times less | target | flash, B |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for record in records:
        ours, baseline, target = record["ours"], record["baseline"], record["target"]
        compared = ("–", "–") if baseline is None else (f"{baseline:.2f}", f"{baseline / ours:.1f}")
        missed = "" if ours <= target else " **missed**"
        unit = record["unit"].removeprefix("instructions/")
        lines.append(
            f"| {record['work']} | {record['core']} | {unit} | {ours:.2f} | {compared[0]} | {compared[1]} "
            f"| {target:g}{missed} | {record['bytes']:,} |"
        )
    return "\n".join(lines)
