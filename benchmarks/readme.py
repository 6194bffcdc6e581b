"""`make readme`: rewrite what README.md and docs/ quote from records and from code, so that nobody types it by hand.

A part stands between `<!-- made from SOURCE: begin NAME -->` and `<!-- end NAME -->`. The part `output` is what the
page's own Python example prints.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.answer_tables import adaptation_table, confidence_table, energy_table, robustness_table
from benchmarks.asked_table import RECORD as ASKED_RECORDS
from benchmarks.asked_table import asked_table, save_asked
from benchmarks.decoding_table import decoder_table, decoding_table
from benchmarks.foreign_table import breadth, foreign_table, streamed_table
from benchmarks.kernel_table import arenas, kernel_table, keyword_table
from benchmarks.modules import module_table
from benchmarks.other_sets_table import other_sets_table
from benchmarks.shift_table import shift_table
from smidgen.errors import DataError, SmidgenError
from smidgen.localisation.nominees import NOMINEES
from smidgen.lowering import operator_table
from smidgen.lowering.supported import PRECISIONS
from smidgen.records import LocalisationRecord
from smidgen.report import (
    load_localisation,
    load_records,
    localisation_markdown,
    markdown_table,
    results_table,
    save_localisation,
    save_records,
)
from smidgen.report.document import Document
from smidgen.report.formatting import count, kilobytes, percent, relative
from smidgen.report.page import read_document
from smidgen.report.study import Study, starts_anywhere, summary
from smidgen.report.verdict import judge
from smidgen.targets import BOARDS, CORES, FAMILIES, Architecture
from smidgen.training.presets import PRESET_MODELS
from smidgen.whole_file import write_whole

ROOT = Path(__file__).resolve().parent.parent
DEMO_RECORDS = Path("results/demo.json")
LOCALISATION_RECORDS = Path("results/localisation.json")
BENCH_RECORD = Path("results/bench.json")
TARGET_RECORDS = Path("results/targets.json")
PAGES = (
    Path("README.md"),
    Path("docs/compiling.md"),
    Path("docs/data.md"),
    Path("docs/from-paper-to-c.md"),
    Path("docs/kernels.md"),
    Path("docs/localisation.md"),
    Path("docs/models.md"),
    Path("docs/operators.md"),
    Path("docs/streaming.md"),
    Path("docs/targets.md"),
)

_TERMINAL_COLUMNS = 118
_RUNS_ON = {
    Architecture.ARM: "Unicorn",
    Architecture.RISCV: "Unicorn",
    Architecture.WASM: "Wasmtime",
    Architecture.HOST: "this machine",
}
_PART = re.compile(r"(<!-- made from [^:\n]+: begin (\w+) -->\n)(.*?)(<!-- end \2 -->)", re.DOTALL)
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)

Parts = Mapping[str, Callable[[], str]]


def main() -> None:
    """Store reports where asked, then rewrite every page that quotes a record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.readme", description=main.__doc__)
    parser.add_argument(
        "--record", type=Path, nargs="+", default=[], metavar="REPORT", help=f"report.json to store in {DEMO_RECORDS}"
    )
    parser.add_argument(
        "--localisation", type=Path, metavar="STUDY", help=f"localisation.json to store in {LOCALISATION_RECORDS}"
    )
    arguments = parser.parse_args()
    try:
        if arguments.localisation:
            record_study(arguments.localisation, ROOT / LOCALISATION_RECORDS, ROOT / ASKED_RECORDS)
        if arguments.record:
            record(arguments.record, ROOT / DEMO_RECORDS)
        for page in PAGES:
            text = (ROOT / page).read_text(encoding="utf-8")
            written = filled(text, parts_of(text))
            if written != text:
                write_whole(ROOT / page, written.encode())
            print(f"{page}: {'rewritten' if written != text else 'up to date'}")
    except SmidgenError as error:
        sys.exit(str(error))


def record(reports: Sequence[Path], records: Path) -> None:
    """Store report documents, each in the place of the one on the same data; other documents stay."""
    stored = load_records(records) if records.exists() else []
    by_data = {document["data"]: document for document in stored}
    for report in reports:
        try:
            document = json.loads(report.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{report} is no report document: {error}. `smidgen demo` writes one") from error
        Document.from_mapping(document, source=str(report))
        by_data[document["data"]] = {**document, "command": without_machine_paths(document["command"])}
    save_records(list(by_data.values()), records)


def record_study(path: Path, records: Path, asked: Path) -> None:
    """Store the leaderboard of a localisation study, and its verdicts on what was asked."""
    study = Study.from_mapping(read_document(path, written_by="smidgen localise"), source=str(path))
    command = without_machine_paths(study.command)
    save_localisation(
        [replace(entry, command=without_machine_paths(entry.command)) for entry in study.entries], records
    )
    save_asked(replace(study, command=command), asked)


def without_machine_paths(command: str) -> str:
    """Return a command with absolute paths made relative to the repository, from which a reader types it."""
    words = shlex.split(command)
    return shlex.join(os.path.relpath(word, ROOT) if os.path.isabs(word) else word for word in words)


def filled(text: str, parts: Parts) -> str:
    """Return a page with the content of every marked part made anew.

    Raises:
        DataError: a part has no end, or nothing is known to make it from.
    """

    def make(match: re.Match[str]) -> str:
        begin, name, _, end = match.groups()
        if name not in parts:
            raise DataError(f"nothing makes the part '{name}'; there are {', '.join(parts)}")
        return f"{begin}{parts[name]()}\n{end}"

    written, n_parts = _PART.subn(make, text)
    n_begins = text.count("<!-- made from ")
    if n_parts != n_begins:
        raise DataError(
            f"{n_begins} parts begin and {n_parts} end: a marker `<!-- end NAME -->` is missing or misspelt"
        )
    return written


def parts_of(page: str) -> Parts:
    """Return what can stand between markers of a page, by name; each is made only when asked for."""
    return {
        "output": lambda: _fenced(_example_output(page)),
        "sphere": lambda: markdown_table(_stored("sphere")).strip(),
        "proof": lambda: _proof(_stored("sphere")),
        "simulated": lambda: _fenced(_terminal_table(_stored("simulated"))),
        "speed": _compile_seconds,
        "operators": lambda: _operator_table("mamba", "int8"),
        "supported": _supported_operators,
        "modules": module_table,
        "cores": _cores,
        "boards": _boards,
        "families": _families,
        "nominees": _nominees,
        "localisation": lambda: _localisation(summary),
        "leaderboard": lambda: _localisation(lambda records: [r for r in records if not starts_anywhere(r)]),
        "asked": lambda: asked_table(ROOT),
        "measured": _on_targets,
        "breadth": lambda: breadth(ROOT),
        "kernels": lambda: kernel_table(ROOT),
        "arenas": lambda: arenas(ROOT),
        "keywords": lambda: keyword_table(ROOT),
        "foreign": lambda: foreign_table(ROOT),
        "streamed": lambda: streamed_table(ROOT),
        "decodings": lambda: decoding_table(ROOT),
        "decoder": lambda: decoder_table(ROOT),
        "shift": lambda: shift_table(ROOT),
        "other_sets": lambda: other_sets_table(ROOT),
        "energy": lambda: energy_table(ROOT),
        "disturbed": lambda: robustness_table(ROOT, "sphere"),
        "disturbed_simulated": lambda: robustness_table(ROOT, "simulated"),
        "confidence": lambda: confidence_table(ROOT),
        "new_homes": lambda: adaptation_table(ROOT, "simulated"),
        "new_home_sphere": lambda: adaptation_table(ROOT, "sphere"),
    }


def run_example(page: str, folder: Path) -> str:
    """Run the page's first block of Python in `folder` and return what it prints.

    Raises:
        DataError: there is no such block, or it fails.
    """
    block = _PYTHON.search(page)
    if block is None:
        raise DataError("the page has no block of Python to run")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    finished = subprocess.run(
        [sys.executable, "-c", block[1]], cwd=folder, env=environment, capture_output=True, text=True
    )
    if finished.returncode:
        raise DataError(f"the page's example fails: {finished.stderr.strip()}")
    return finished.stdout


# ---- parts -----------------------------------------------------------------------------------------------------------


def _example_output(page: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return run_example(page, Path(folder))


def _stored(data: str) -> Mapping[str, object]:
    for document in load_records(ROOT / DEMO_RECORDS):
        if document["data"] == data:
            return document
    raise DataError(
        f"{DEMO_RECORDS} holds no run on {data}; run `smidgen demo` on it, and store its report by --record"
    )


def _proof(mapping: Mapping[str, object]) -> str:
    """Return what a run proves and how small its int8 programs are, in sentences."""
    document = Document.from_mapping(mapping)
    verdict = judge(document)
    int8 = [result for result in document.pooled if result.recipe == "int8"]
    compared = sum(build.n_windows for build in document.results)
    emulated = sum(build.n_emulated for build in document.results)
    agreement = min(build.argmax_agreement for build in document.results if build.recipe == "int8")
    logit_error = max(build.logit_error for build in document.results if build.recipe == "float32")
    return (
        f"{verdict.headline} {_whole_or_count(emulated, compared)} ran both on the host and on the emulated core: "
        f"{len({build.split for build in document.results})} held-out recordings, "
        f"{len({build.seed for build in document.results})} seeds. {verdict.detail}\n\n"
        f"The int8 programs take {_span([result.ram_bytes for result in int8], kilobytes)} of RAM, "
        f"{_span([result.flash_bytes for result in int8], kilobytes)} of flash and "
        f"{_span([result.instructions for result in int8], count)} instructions a decision on a Cortex-M4. "
        f"On the worst recording and seed they name the same room as PyTorch in {percent(agreement)} of the decisions. "
        f"The float32 programs agree with PyTorch within {relative(logit_error)} of the largest logit."
    )


def _whole_or_count(part: int, whole: int) -> str:
    return "All of them" if part == whole else f"{count(part)} of them"


def _span(values: Sequence[int], written: Callable[[int], str]) -> str:
    return f"{written(min(values))} to {written(max(values))}"


def _terminal_table(document: Mapping[str, object]) -> str:
    console = Console(width=_TERMINAL_COLUMNS, color_system=None)
    with console.capture() as capture:
        console.print(results_table(document))
    return capture.get()


def _compile_seconds() -> str:
    """Return how long compiling takes, from the record of `make bench`."""
    rows = [row for row in _benchmarked("compile_seconds") if row["model"] in PRESET_MODELS]
    seconds = [sum(value for value in row.values() if isinstance(value, float)) for row in rows]
    return (
        f"Compiling one of these models, from `torch.export` to a measured program, takes {min(seconds):.1f} to "
        f"{max(seconds):.1f} s on two cores with a warm compiler cache (`make bench`)."
    )


def _operator_table(model: str, recipe: str) -> str:
    """Return the instructions of one program by kind of operator, from the record of `make bench`."""
    chosen = [row for row in _benchmarked("operators") if (row["model"], row["recipe"]) == (model, recipe)]
    total = sum(row["instructions"] for row in chosen)
    lines = ["| operator | MACs | instructions | per MAC | share, % |", "| --- | ---: | ---: | ---: | ---: |"]
    for row in chosen:
        per_mac = f"{row['instructions'] / row['macs']:.1f}" if row["macs"] else ""
        share = f"{100 * row['instructions'] / total:.1f}"
        lines.append(f"| {row['op']} | {count(row['macs'])} | {count(row['instructions'])} | {per_mac} | {share} |")
    return "\n".join(lines)


def _benchmarked(entry: str) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = json.loads((ROOT / BENCH_RECORD).read_text(encoding="utf-8"))[entry]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{BENCH_RECORD} holds no {entry} ({error!r}); `make bench` writes it") from error
    return rows


def _supported_operators() -> str:
    """Return what `smidgen ops` prints as a table, operators of one form in one row."""
    rows: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for supported in operator_table():
        rows.setdefault((supported.precisions, supported.form), []).append(f"`{supported.name}`")
    lines = [f"| operators | {' | '.join(PRECISIONS)} | form |", "| --- " * (2 + len(PRECISIONS)) + "|"]
    for (precisions, form), names in rows.items():
        yes = " | ".join("yes" if precision in precisions else "" for precision in PRECISIONS)
        written = form.replace("|", "\\|")
        lines.append(f"| {', '.join(names)} | {yes} | {written} |")
    return "\n".join(lines)


def _cores() -> str:
    lines = [
        "| name | runs on | compiler's target | compiler's CPU | DSP | FPU |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for core in CORES.values():
        has_dsp, has_fpu = ("yes" if has else "" for has in (core.has_dsp, core.has_fpu))
        lines.append(
            f"| `{core.name}` | {_RUNS_ON[core.architecture]} | `{core.zig_target}` | `{core.zig_cpu}` "
            f"| {has_dsp} | {has_fpu} |"
        )
    return "\n".join(lines)


def _boards() -> str:
    lines = [
        "| name | core | flash, KB | RAM, KB | clock, MHz | run current | read in |",
        "| --- | --- | ---: | ---: | ---: | --- | --- |",
    ]
    for board in BOARDS.values():
        current = board.active_current
        drawn = "" if current is None else f"{current.ua_per_mhz:g} uA/MHz at {current.supply_v:g} V"
        flash, ram, clock = (
            (board.flash_bytes or 0) // 1024,
            (board.ram_bytes or 0) // 1024,
            (board.clock_hz or 0) / 1e6,
        )
        read_in = board.source if current is None else f"{board.source}. Current: {current.source}"
        lines.append(f"| `{board.name}` | {board.core.name} | {flash} | {ram} | {clock:g} | {drawn} | {read_in} |")
    return "\n".join(lines)


def _on_targets() -> str:
    """Return what the same programs cost on every target, from the records of `python -m benchmarks.targets`."""
    try:
        rows: list[dict[str, Any]] = json.loads((ROOT / TARGET_RECORDS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{TARGET_RECORDS} cannot be read ({error}); `python -m benchmarks.targets` writes it"
        ) from error
    by_program: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        by_program.setdefault(f"{row['model']} {row['recipe']}", {})[row["target"]] = row
    wrong = sum(row["mismatched_bytes"] for row in rows)
    lines = [
        f"{wrong} bytes differ over {rows[0]['n_windows']} windows of each program on each target "
        f"(`{rows[0]['command']}`: {rows[0]['versions']}). Instructions of one decision, and bytes of flash:",
        "",
        "| target | " + " | ".join(by_program) + " |",
        "| --- |" + " ---: |" * len(by_program),
    ]
    for target in dict.fromkeys(row["target"] for row in rows):
        cells = [program[target] for program in by_program.values()]
        lines.append(f"| `{target}` | " + " | ".join(_cost(cell) for cell in cells) + " |")
    return "\n".join(lines)


def _localisation(chosen: Callable[[Sequence[LocalisationRecord]], list[LocalisationRecord]]) -> str:
    """Return rows of the localisation study on SPHERE as a table, and what makes them again."""
    path = ROOT / LOCALISATION_RECORDS
    records = [r for r in load_localisation(path) if r.data == "sphere"] if path.exists() else []
    if not records:
        return f"`{path.relative_to(ROOT)}` holds no study on SPHERE; `make localisation` makes one."
    table = localisation_markdown(chosen(records), records, ["study"])
    lines = [table, "", "Spreads are over three seeds; a row without one is of one seed. Measured by", ""]
    for command, versions in dict.fromkeys((record.command, record.versions) for record in records):
        lines.append(f"- `{command}` with {versions}")
    return "\n".join(lines)


def _nominees() -> str:
    """Return which row answers each question of the localisation study."""
    lines = ["| question | model | recipe | decoding |", "| --- | --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {n.question} | {n.model} | {n.recipe} | {n.decoding} |" for n in NOMINEES)])


def _cost(row: Mapping[str, Any]) -> str:
    counted = "" if row["instructions"] is None else f"{count(row['instructions'])}, "
    return f"{counted}{count(row['flash_bytes'])} B"


def _families() -> str:
    return "\n".join(["| family | part |", "| --- | --- |", *(f"| `{a}` | `{b}` |" for a, b in FAMILIES.items())])


def _fenced(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
    return f"```text\n{lines}\n```"


if __name__ == "__main__":
    main()
