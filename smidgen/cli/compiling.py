"""The verbs from a model to proven firmware: compile and verify."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from smidgen.cli.options import Json, Optimize, Recipe, Target, print_json
from smidgen.errors import ConfigError

if TYPE_CHECKING:
    from smidgen.experiment import Experiment
    from smidgen.firmware import Firmware
    from smidgen.streaming import StreamingFirmware

Windows = Annotated[
    Path | None,
    typer.Option(help="Of training windows: a .npz with one array (windows, ...) for each input, or a .npy."),
]


def compile(
    source: Annotated[Path, typer.Argument(help="A .pt2 file, a model's folder, or a run folder of `smidgen train`.")],
    calibration: Windows = None,
    example: Annotated[Path | None, typer.Option(help="Like --calibration; for shapes only.")] = None,
    recipe: Recipe = "int8",
    target: Target = "cortex-m4",
    optimize: Optimize = "balanced",
    name: Annotated[str | None, typer.Option(help="Prefix of the C symbols; by default the file's name.")] = None,
    inputs: Annotated[
        Path | None,
        typer.Option(help="TOML: how the firmware receives inputs, one table each with dtype, scale, unit."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to deliver; by default build/NAME, or RUN/build/RECIPE-TARGET.")
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Make a program that takes one frame at a time.")] = False,
    time_axis: Annotated[
        int | None, typer.Option(help="Of the inputs, for --stream; the batch is axis 0. By default 1.", min=1)
    ] = None,
    trust: Annotated[bool, typer.Option("--trust", help="Load a .pt2 file, which can run code that it holds.")] = False,
    as_json: Json = False,
) -> None:
    """Compile a model to C and deliver a folder that every build system takes."""
    if not stream:
        _refuse({"--time-axis": time_axis}, "a program that runs windows has no axis of time; add --stream")
    if not source.exists():
        raise ConfigError(
            f"{source}: there is no such file or folder; give a .pt2 file, a model's folder, or a run folder that "
            "`smidgen train` makes"
        )
    if (source / "job.json").exists():
        given = {
            "--calibration": calibration,
            "--example": example,
            "--name": name,
            "--inputs": inputs,
            "--stream": stream or None,
            "--trust": trust or None,
        }
        _refuse(given, f"{source} is a run folder; its model and windows are those with which it was trained")
        experiment, compiled = _compiled_run(source, recipe, target, optimize)
        firmware: Firmware | StreamingFirmware = compiled
        folder = out or experiment.firmware_folder(compiled)
    else:
        from smidgen.model_file import compile_file

        firmware = compile_file(
            source,
            calibration=calibration,
            example=example,
            target=target,
            recipe=recipe,
            optimize=optimize,
            name=name,
            inputs=inputs,
            stream_along=(time_axis or 1) if stream else None,
            trust=trust,
        )
        folder = out or Path("build") / firmware.program.name
    firmware.save(folder)
    if as_json:
        print_json({"folder": str(folder), **firmware.measurement.to_dict()})
    else:
        print(firmware)
    Console(stderr=True).print(f"wrote {folder}", soft_wrap=True)


def verify(
    folder: Annotated[Path, typer.Argument(help="Run folder of `smidgen train`; with --log, a delivered folder.")],
    recipe: Annotated[str | None, typer.Option(help="int8 (default), float32, int16, or a TOML file.")] = None,
    target: Annotated[str | None, typer.Option(help="Core or board, cortex-m4 by default.")] = None,
    log: Annotated[Path | None, typer.Option(help="What a board printed that runs the folder's program.")] = None,
    as_json: Json = False,
) -> None:
    """Prove a compiled run on its held-out windows, or, by its log, a real board; exit status 1 if they differ."""
    if log is not None:
        _refuse({"--recipe": recipe, "--target": target}, f"{folder} is a delivered folder, which says that itself")
        _verify_board(folder, log, as_json)
        return
    experiment, firmware = _compiled_run(folder, recipe or "int8", target or "cortex-m4", "balanced")
    firmware.save(experiment.firmware_folder(firmware))
    evaluation = experiment.evaluate(firmware)
    if as_json:
        print_json({**asdict(evaluation.record), "check": evaluation.report.to_dict()})
    else:
        print(evaluation.report.table())
        print(
            f"held-out {experiment.split.name}: macro-F1 {evaluation.record.macro_f1_integer:.3f} compiled, "
            f"{evaluation.record.macro_f1_float:.3f} float"
        )
    if evaluation.record.mismatched_bytes:
        sys.exit(1)


def _verify_board(folder: Path, log: Path, as_json: bool) -> None:
    from smidgen.delivery import judge_board, read_board_log, read_manifest

    manifest = read_manifest(folder)
    verdict = judge_board(manifest, read_board_log(log, program=manifest.name))
    if as_json:
        print_json(verdict.to_dict())
    else:
        print(verdict)
    if not verdict.agrees:
        sys.exit(1)


def _compiled_run(run: Path, recipe: str, target: str, optimize: str) -> "tuple[Experiment, Firmware]":
    from smidgen.experiment import load_job

    experiment = load_job(run).open()
    program = experiment.import_model(experiment.trained())
    return experiment, experiment.compile(program, recipe, target=target, optimize=optimize)


def _refuse(options: dict[str, Any], why: str) -> None:
    """Raise ConfigError for an option that was given where it means nothing."""
    given = [option for option, value in options.items() if value is not None]
    if given:
        raise ConfigError(f"{given[0]} does not go with this: {why}")
