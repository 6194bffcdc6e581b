"""The tables of the page on kernels, from the records of `make bench` and its longer companions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.stored_records import stored_records

Record = Mapping[str, Any]


def kernel_table(root: Path) -> str:
    """Return what each work costs beside the baseline and the target that was set for it; misses are marked."""
    records = stored_records(root / "results/kernels.json", "python -m benchmarks.kernels")
    met = sum(record["ours"] <= record["target"] for record in records)
    lines = [
        f"{met} of {len(records)} targets are met (`{records[0]['command']}`).",
        "",
        "| work | core | unit | ours | baseline | times less | target | flash, B |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for record in records:
        ours, baseline = record["ours"], record["baseline"]
        compared = ("–", "–") if baseline is None else (f"{baseline:.2f}", f"{baseline / ours:.1f}")
        unit = record["unit"].removeprefix("instructions/")
        lines.append(
            f"| {record['work']} | {record['core']} | {unit} | {ours:.2f} | {compared[0]} | {compared[1]} "
            f"| {_target(ours, record['target'])} | {record['bytes']:,} |"
        )
    return "\n".join(lines)


def arenas(root: Path) -> str:
    """Return in a sentence how many arenas are as small as they can be, and what holds the others."""
    records = stored_records(root / "results/memory.json", "python -m benchmarks.memory")
    least = sum(record["arena_bytes"] == record["lower_bound_bytes"] for record in records)
    gaps = "".join(
        f"\n- {record['model']}, {record['recipe']}, {record['mode']}: {record['gap']}"
        for record in records
        if record["gap"]
    )
    return (
        f"In {least} of {len(records)} programs the arena equals its lower bound (`{records[0]['command']}`)."
        + ("\n" + gaps if gaps else "")
    )  # fmt: skip


def keyword_table(root: Path) -> str:
    """Return what the keyword block costs as a stream, and how many digits it tells, beside the published engine."""
    published, *programs = stored_records(root / "results/keyword.json", "python -m benchmarks.keyword")
    streams = [row for row in programs if row["mode"] == "stream" and row["optimize"] in ("balanced", "size")]
    lines = [
        f"{streams[0]['parameters']:,} parameters, on {streams[0]['n_test']} spoken digits that took no part in "
        f"training (`{streams[0]['command']}`). The published engine takes {published['ram_bytes']:,} B of RAM, "
        f"{published['flash_bytes']:,} B of flash and {published['instructions']:,} instructions for 100 frames. "
        "Ours, frame by frame:",
        "",
        "| A | recipe | optimize | right, % | in PyTorch, % | RAM, B | target | flash, B | target | instructions "
        "| target |",
        "| --- | --- | --- |" + " ---: |" * 8,
    ]
    for row in streams:
        costs = (
            (row["ram_bytes"], row.get("ram_target_bytes")), (row["flash_bytes"], row.get("flash_target_bytes")),
            (row["instructions"], row.get("target_instructions")),
        )  # fmt: skip
        cells = [f"{cost:,} | {'' if target is None else _target(cost, target)}" for cost, target in costs]
        lines.append(
            f"| {row['form']} | {row['recipe']} | {row['optimize']} | {100 * row['accuracy_integer']:.1f} "
            f"| {100 * row['accuracy_float']:.1f} | " + " | ".join(cells) + " |"
        )
    return "\n".join(lines)


def _target(found: float, target: float) -> str:
    """Return a target, marked where it is missed."""
    written = f"{target:,}" if isinstance(target, int) else f"{target:g}"
    return written if found <= target else f"{written} **missed**"
