"""The story in one function: a PyTorch module goes in, proven C for a microcontroller comes out."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram

from smidgen.codegen import emit
from smidgen.compression import FloatProgram, Input, Recipe, calibrate, find_recipe, import_model, make_plan
from smidgen.compression.program import as_batch, batches
from smidgen.firmware import MEASURED_WINDOWS, Firmware, quantize_inputs
from smidgen.importing import load_pt2
from smidgen.lowering import lower
from smidgen.models import load_model
from smidgen.passes import fold, plan_memory
from smidgen.targets import Target, find_target


def compile(
    model: nn.Module | ExportedProgram | FloatProgram | str | Path,
    example_input: torch.Tensor | tuple[torch.Tensor, ...],
    *,
    calibration: Any = None,
    target: str | Target = "cortex-m4",
    recipe: str | Path | Recipe = "int8",
    name: str = "model",
    inputs: Mapping[str, Input] | None = None,
    trust: bool = False,
) -> Firmware:
    """Compile a sequence model to C99 for a microcontroller.

    Args:
        model: any module that torch.export accepts (left untouched), an ExportedProgram, a FloatProgram imported before
            (to compile one model under several recipes), the folder of a model of our own (`save_pretrained`), or the
            path of a `.pt2` file; reading such a file can run code that it contains, so it is refused without
            `trust=True`.
        example_input: a tensor or a tuple of tensors, batch first; gives the shapes.
        calibration: windows of the training set that set the ranges of activations: a tensor with a leading batch axis,
            a tuple of them, or an iterable of such. A float32 recipe needs none.
        target: a core from `smidgen.targets`. recipe: a name, a Recipe or a TOML file.
        name: prefix of the C symbols. inputs: how the firmware receives inputs, by name, where the sensor decides.

    Raises: ExportError, UnsupportedError (with the user's line), ConfigError, BudgetError: all SmidgenError.
    """
    chosen_target = target if isinstance(target, Target) else find_target(target)
    chosen_recipe = find_recipe(recipe)
    example = as_batch(example_input)
    clock = _StageClock()
    with clock.stage("import"):
        float_program = model if isinstance(model, FloatProgram) else import_model(_loaded(model, trust), example)
        float_program.check_inputs(example)
    with clock.stage("calibrate"):
        windows = [] if calibration is None else list(batches(calibration))
        calibrated = calibrate(float_program, windows) if windows and not chosen_recipe.is_float else None
    with clock.stage("lower"):
        plan = make_plan(float_program, calibrated, chosen_recipe, inputs)
        lowered = lower(float_program, plan, name=name)
    with clock.stage("fold and plan memory"):
        graph = fold(lowered)
        memory = plan_memory(graph)
    with clock.stage("emit C"):
        first = tuple(value[:MEASURED_WINDOWS] for value in (windows or [example])[0])
        known = quantize_inputs(float_program, graph, first)
        program = emit(graph, memory, known_inputs=[array[0] for array in known])
    firmware = Firmware(
        float_program=float_program,
        lowered=lowered,
        graph=graph,
        plan=memory,
        program=program,
        target=chosen_target,
        quantization=plan,
        relower=lambda other: lower(float_program, make_plan(float_program, calibrated, other, inputs), name=name),
        measured_on=known,
        compile_seconds=clock.seconds,
    )
    with clock.stage("build and measure"):
        _ = firmware.measurement  # on the emulated core, held against the target's budget
    return firmware


class _StageClock:
    """Wall-clock seconds of each stage, for people; nothing depends on them."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


def _loaded(model: nn.Module | ExportedProgram | str | Path, trust: bool) -> nn.Module | ExportedProgram:
    if not isinstance(model, str | Path):
        return model
    return load_model(model) if Path(model).is_dir() else load_pt2(model, trust=trust)
