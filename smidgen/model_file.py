"""A model in a file and its windows in another, compiled: what `smidgen compile model.pt2` does."""

import inspect
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.export import ExportedProgram

from smidgen.compression import find_recipe
from smidgen.compression.input_file import read_inputs
from smidgen.compression.window_file import read_windows
from smidgen.errors import ConfigError
from smidgen.firmware import Firmware
from smidgen.importing import load_pt2
from smidgen.models import load_model
from smidgen.pipeline import compile, stream
from smidgen.streaming import StreamingFirmware
from smidgen.targets import find_target


def compile_file(
    source: Path,
    *,
    calibration: Path | None,
    example: Path | None,
    target: str,
    recipe: str,
    optimize: str,
    name: str | None,
    inputs: Path | None,
    stream_along: int | None,
    trust: bool,
) -> Firmware | StreamingFirmware:
    """Compile a `.pt2` file, or the folder of a model of our own.

    Args: calibration and example, files of windows (`read_windows`): the first window of `example`, or of `calibration`
    where there is none, gives the shapes; name, by default that of the file; inputs, a file that declares them
    (`read_inputs`); optimize, as for `compile`; stream_along, the axis of time (batch: 0) of a program that takes frame
    by frame, None: windows.
    Raises as `smidgen.compile` and `smidgen.stream` do.
    """
    declared = None if inputs is None else read_inputs(inputs)
    chosen_recipe, chosen_target = find_recipe(recipe), find_target(target)
    model = load_model(source) if source.is_dir() else load_pt2(source, trust=trust)
    types = _input_types(model)
    given = example or calibration
    if given is None or (calibration is None and not chosen_recipe.is_float):
        option = "--example or --calibration" if chosen_recipe.is_float else "--calibration"
        raise ConfigError(
            f"recipe {chosen_recipe.name} needs {option} FILE.npz, with one array (windows, ...) for each input: "
            f"{', '.join(types)}"
        )
    made = compile if stream_along is None else partial(stream, time_axis=stream_along)
    return made(
        model,
        tuple(value[:1] for value in read_windows(given, types)),
        calibration=None if calibration is None else read_windows(calibration, types),
        target=chosen_target,
        recipe=chosen_recipe,
        optimize=optimize,
        name=program_name(source) if name is None else name,
        inputs=declared,
    )


def program_name(source: Path) -> str:
    """Return the name of a file as that of a program: lower case, other characters as "_"."""
    return re.sub(r"[^a-z0-9]+", "_", source.stem.lower()).strip("_")


def _input_types(model: nn.Module | ExportedProgram) -> Mapping[str, torch.dtype | None]:
    """Return the inputs by name, with their type where the model says it."""
    if isinstance(model, ExportedProgram):
        names = [str(name) for name in model.graph_signature.user_inputs]
        nodes = {node.name: node for node in model.graph.nodes}
        return {name: nodes[name].meta["val"].dtype for name in names}
    return dict.fromkeys(inspect.signature(model.forward).parameters)
