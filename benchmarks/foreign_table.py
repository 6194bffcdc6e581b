"""Tables of the foreign models, from the records that `python -m benchmarks.foreign` writes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.stored_records import stored_records

COMMAND = "python -m benchmarks.foreign"
FOREIGN_RECORDS = Path("results/foreign.json")

Record = Mapping[str, Any]


def foreign_table(root: Path) -> str:
    """Return every model with both recipes: distance from PyTorch, memory, instructions."""
    records = stored_records(root / FOREIGN_RECORDS, COMMAND)
    wrong = sum(record["mismatched_bytes"] or 0 for record in records)
    compiled = [record for record in records if record["refused"] is None]
    windows = compiled[0]["n_windows"]
    emulated = f"{compiled[0]['n_emulated']} of them on an emulated Cortex-M4 and one on a Cortex-M0+"
    low = [record["model"] for record in compiled if record["recipe"] == "int8" and _db(record) < 25.0]
    lines = [
        f"{len(compiled)} of {len(records)} programs compile; {wrong} bytes differ from the reference over {windows} "
        f"windows each on the host, {emulated}. In int8, {_listed(low)} below 25 dB. `{records[0]['command']}` "
        f"measured it with {records[0]['versions']}; instructions are those of a window on a Cortex-M4.",
        "",
        "| model | parameters | int8: SQNR, dB | RAM, B | flash, B | instructions | float32: SQNR, dB | RAM, B "
        "| flash, B | instructions |",
        "| --- |" + " ---: |" * 9,
    ]
    for name, by_recipe in _by_model(records):
        cells = [name, f"{by_recipe['int8']['parameters']:,}"]
        for recipe in ("int8", "float32"):
            cells += _costs(by_recipe[recipe])
        lines.append("| " + " | ".join(cells) + " |")
    refused = [record for record in records if record["refused"] is not None]
    lines += ["", *(f"- {record['model']}, {record['recipe']}: {record['refused']}" for record in refused)]
    return "\n".join(lines).rstrip()


def breadth(root: Path) -> str:
    """Return in a sentence how many foreign models compile, and how many stream."""
    records = stored_records(root / FOREIGN_RECORDS, COMMAND)
    models = list(_by_model(records))
    whole = [name for name, by_recipe in models if all(record["refused"] is None for record in by_recipe.values())]
    causal = [by_recipe["int8"] for _, by_recipe in models if by_recipe["int8"]["causal"]]
    streaming = sum(record.get("streams", False) for record in causal)
    wrong = sum((record["mismatched_bytes"] or 0) + record.get("stream_mismatched_bytes", 0) for record in records)
    return (
        f"Of {len(models)} networks in the styles in which others publish them, {len(whole)} compile unchanged in int8 "
        f"and float32, and {streaming} of the {len(causal)} causal ones also run frame by frame; {wrong} bytes differ "
        "between the reference, the host, a Cortex-M4 and a Cortex-M0+."
    )


def streamed_table(root: Path) -> str:
    """Return what each causal model costs in int8 as a window and as a stream, and which do not stream."""
    records = [
        record
        for record in stored_records(root / FOREIGN_RECORDS, COMMAND)
        if record["recipe"] == "int8" and record["causal"]
    ]
    streams = [record for record in records if record.get("streams")]
    wrong = sum(record["stream_mismatched_bytes"] for record in streams)
    lines = [
        f"{len(streams)} of {len(records)} causal models stream, {wrong} bytes differ (`{records[0]['command']}`).",
        "",
        "| model | window: RAM, B | instructions | frame: RAM, B | of it state, B | instructions |",
        "| --- |" + " ---: |" * 5,
    ]
    for record in streams:
        keys = ("ram_bytes", "instructions", "stream_ram_bytes", "stream_state_bytes", "stream_instructions")
        lines.append(f"| {record['model']} | " + " | ".join(f"{record[key]:,}" for key in keys) + " |")
    others = [record for record in records if not record.get("streams")]
    lines += ["", *(f"- {record['model']}: {record.get('not_streaming') or record['refused']}" for record in others)]
    return "\n".join(lines).rstrip()


def _by_model(records: Sequence[Record]) -> Iterator[tuple[str, dict[str, Record]]]:
    for name in dict.fromkeys(record["model"] for record in records):
        yield name, {record["recipe"]: record for record in records if record["model"] == name}


def _costs(record: Record) -> list[str]:
    if record["refused"] is not None:
        return ["refused", "", "", ""]
    return [_decibels(record), *(f"{record[key]:,}" for key in ("ram_bytes", "flash_bytes", "instructions"))]


def _decibels(record: Record) -> str:
    """Return the distance from PyTorch, and that with what the report advises where it does advise something."""
    if record["sqnr_db"] is None:
        return "exact"
    advised = record["advised_sqnr_db"]
    return f"{record['sqnr_db']:.1f}" + ("" if advised is None else f" ({advised:.1f} as advised)")


def _db(record: Record) -> float:
    """Return the distance that a user reaches, with the advice taken."""
    reached = [db for db in (record["sqnr_db"], record["advised_sqnr_db"]) if db is not None]
    return max(reached, default=float("inf"))


def _listed(names: Sequence[str]) -> str:
    return "no model stays" if not names else f"{', '.join(names)} {'stays' if len(names) == 1 else 'stay'}"
