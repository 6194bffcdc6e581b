"""The tables of temporal decoding on the page on localisation, from the record of `python -m benchmarks.decoding`."""

from pathlib import Path

from benchmarks.stored_records import stored_records

RECORD = Path("results/decoding.json")
COMMAND = "python -m benchmarks.decoding"


def decoding_table(root: Path) -> str:
    """Return each baseline under each decoding: macro-F1 over 9 and 8 rooms, accuracy, delay; the best in bold."""
    records = [record for record in stored_records(root / RECORD, COMMAND) if record["model"] != "room decoder"]
    best = max(record["macro_f1_8"] for record in records)
    lines = [
        f"{records[0]['protocol']} (`{records[0]['command']}`, {records[0]['versions']}).",
        "",
        "| model | transitions | decoding | delay, s | macro-F1, 9 rooms | 8 rooms | accuracy, % |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for record in records:
        score = f"{record['macro_f1_8']:.3f}"
        delay = "to the end" if record["delay_s"] is None else f"{record['delay_s']:g}"
        lines.append(
            f"| {record['model']} | {record['transitions']} | {record['method']} | {delay} "
            f"| {record['macro_f1']:.3f} | {f'**{score}**' if record['macro_f1_8'] == best else score} "
            f"| {100 * record['accuracy']:.1f} |"
        )
    return "\n".join(lines)


def decoder_table(root: Path) -> str:
    """Return what the decoder costs on each core, and how often its integers choose the reference's room."""
    records = [record for record in stored_records(root / RECORD, COMMAND) if record["model"] == "room decoder"]
    mismatched = sum(record["mismatched_bytes"] for record in records)
    lines = [
        f"{mismatched} bytes differ between reference, host and cores, step by step and in windows, on the evidence "
        f"of {records[0]['evidence']} (`{records[0]['command']}`).",
        "",
        "| core | delay, s | same room as float64 | decisions | state, B | RAM in all, B | flash, B | instructions |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for record in records:
        lines.append(
            f"| {record['target']} | {record['delay_s']:g} | {100 * record['argmax_agreement']:.2f} % "
            f"| {record['n_decisions']:,} | {record['state_bytes']} | {record['ram_bytes']} "
            f"| {record['flash_bytes']:,} | {record['instructions']:,} |"
        )
    return "\n".join(lines)
