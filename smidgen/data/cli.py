"""The verb `smidgen data`: list, simulate, import, check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from smidgen.data.catalogue import DATA_SETS, Check, check_path
from smidgen.data.observations import load_observations
from smidgen.data.recording_file import save_recording
from smidgen.data.simulate import LONGEST_S, simulate_home
from smidgen.errors import ConfigError, DataError

app = typer.Typer(help="List data sets; simulate, import and check recordings.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Root = Annotated[
    Path | None, typer.Option(help="Folder that holds the data sets.", envvar="SMIDGEN_DATA", show_default="data")
]


@app.command("list")
def list_data_sets(root: Root = None, as_json: Json = False) -> None:
    """List the data sets and whether they are here."""
    if root is not None and not root.is_dir():
        raise DataError(f"{root}: expected the folder that holds the data sets, found no such folder. Check --root.")
    place = root or Path("data")
    rows = [
        {
            "name": data_set.name,
            "about": data_set.about,
            "recordings": None if data_set.count is None else data_set.count(place),
        }
        for data_set in DATA_SETS
    ]
    if as_json:
        return _print_json(rows)
    table = Table("data set", "what", f"recordings or files under {place}", box=None, pad_edge=False)
    for row in rows:
        found = "needs none" if row["recordings"] is None else str(row["recordings"] or "not here")
        table.add_row(str(row["name"]), str(row["about"]), found)
    Console().print(table)
    return None


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="File to write, .csv or .csv.gz.")],
    home_seed: Annotated[int, typer.Option(help="Which home.")] = 1,
    seed: Annotated[int, typer.Option(help="Which person and day in it.")] = 1,
    minutes: Annotated[float, typer.Option(help="How long.")] = 25.0,
    as_json: Json = False,
) -> None:
    """Simulate one recording and write it to a file, whole or not at all."""
    if not 10.0 <= 60 * minutes <= LONGEST_S:
        raise ConfigError(f"--minutes must lie between {10 / 60:.2f} and {LONGEST_S / 60:.0f}, got {minutes:g}")
    recording = simulate_home(home_seed).record(seed, duration_s=60 * minutes)
    save_recording(recording, out)
    check = Check(name=recording.name, recording=recording)
    if as_json:
        _print_json({"path": str(out), **check.record()})
    else:
        _print_checks([check])
        Console(stderr=True).print(f"written to {escape(str(out))}", soft_wrap=True)


@app.command("import")
def import_observations(
    files: Annotated[list[Path], typer.Argument(help="Tables of observations of one home, .csv, .csv.gz or .parquet.")],
    out: Annotated[Path, typer.Option(help="Folder to write the recordings to.")],
    home: Annotated[str, typer.Option(help="Name of the home.")] = "home",
    subject: Annotated[str, typer.Option(help="Name of the person.")] = "person",
    as_json: Json = False,
) -> None:
    """Turn your own tables (timestamp, anchor, rssi[, ax, ay, az], room) into recordings, one a file."""
    recordings = load_observations(files, home=home, subject=subject)
    out.mkdir(parents=True, exist_ok=True)
    for recording in recordings:
        save_recording(recording, out / f"{recording.name.rsplit('/', 1)[1]}.csv.gz")
    checks = [Check(name=recording.name, recording=recording) for recording in recordings]
    if as_json:
        _print_json([check.record() for check in checks])
    else:
        _print_checks(checks)
        Console(stderr=True).print(f"{len(checks)} recordings written to {escape(str(out))}", soft_wrap=True)


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="A recording, a folder of them, or the folder of a data set.")],
    as_json: Json = False,
) -> None:
    """Load recordings and print what they hold; exit with 1 where one cannot be loaded."""
    checks = check_path(path)
    problems = [check for check in checks if check.problem]
    if as_json:
        _print_json([check.record() for check in checks])
    else:
        _print_checks(checks)
    for found in problems:
        Console(stderr=True).print(f"[red]{escape(str(found.problem))}[/red]", soft_wrap=True)
    if problems:
        raise typer.Exit(1)


def _print_checks(checks: list[Check]) -> None:
    """Print one row a recording or a set of examples; all counts are in the JSON."""
    with_examples = [check for check in checks if check.examples is not None]
    if with_examples:
        _print_examples(with_examples)
    others = [check for check in checks if check.examples is None]
    if others:
        _print_recordings(others)


def _print_examples(checks: list[Check]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("examples", "n", "steps", "features", "unit", "not heard %", "classes", "groups"):
        table.add_column(title, no_wrap=True)
    for check in checks:
        record: dict[str, Any] = check.record()
        least, most = record["steps"]
        share = record["not_heard_share"]
        table.add_row(
            escape(record["name"]),
            str(record["examples"]),
            str(least) if least == most else f"{least} to {most}",
            str(record["features"]),
            record["unit"],
            "-" if share is None else f"{100 * share:.0f}",
            str(len(record["classes"])),
            str(record["groups"]),
        )
    console = Console()
    console.print(table)
    console.print("groups: points, walks or people that no split may part", soft_wrap=True)


def _print_recordings(checks: list[Check]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("recording", "min", "rooms", "heard %", "rows", "gaps", "kept", "no room", "sparse"):
        table.add_column(title, no_wrap=True)
    heard_by: dict[str, None] = {}  # in order, each once
    for check in checks:
        if check.recording is None:
            table.add_row(escape(check.name), *["-"] * 8)
            continue
        record: dict[str, Any] = check.record()
        counts = record["counts"]
        shares = record["heard_share"]
        heard_by[", ".join(shares)] = None
        table.add_row(
            escape(check.name),
            f"{record['duration_s'] / 60:.1f}",
            f"{len(record['rooms_visited'])}/{len(check.recording.rooms)}",
            " ".join("-" if share is None else f"{100 * share:.0f}" for share in shares.values()),
            str(counts["rows"]),
            str(counts["gaps"]),
            str(counts["decisions_kept"]),
            str(counts["decisions_unlabelled"]),
            str(counts["decisions_with_few_samples"]),
        )
    console = Console()
    console.print(table)
    for names in heard_by:
        console.print(f"heard %: rows in which {escape(names)} heard a packet; - absent", soft_wrap=True)
    console.print("kept: decisions every 2 s that are scored; no room, sparse: why others are dropped", soft_wrap=True)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2))
