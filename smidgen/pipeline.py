"""The story in one function: a PyTorch module goes in, proven C for a microcontroller comes out."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn
from torch.export import ExportedProgram

from smidgen.codegen import check_program_name, find_optimization
from smidgen.compression import (
    Calibration,
    FloatProgram,
    Input,
    Plan,
    Recipe,
    calibrate,
    find_recipe,
    import_model,
    make_plan,
)
from smidgen.compression.inputs import as_batch, batches
from smidgen.firmware import MEASURED_WINDOWS, Firmware, quantize_inputs
from smidgen.importing import load_pt2
from smidgen.ir import Graph
from smidgen.lowering import lower
from smidgen.models import load_model
from smidgen.passes import CausalGraph, fold, plan_memory, schedule
from smidgen.streaming import StreamingFirmware, check_time_axis, time_axes
from smidgen.targets import Target, find_target


def compile(
    model: nn.Module | ExportedProgram | FloatProgram | str | Path,
    example_input: torch.Tensor | Sequence[torch.Tensor] | Mapping[str, torch.Tensor],
    *,
    calibration: Any = None,
    target: str | Target = "cortex-m4",
    recipe: str | Path | Recipe = "int8",
    name: str = "model",
    inputs: Mapping[str, Input] | None = None,
    time_axis: int = 1,
    optimize: str = "balanced",
    trust: bool = False,
) -> Firmware:
    """Compile a sequence model to C99 for a microcontroller.

    Args:
        model: any module that torch.export accepts (left untouched), an ExportedProgram, a FloatProgram imported before
            (to compile one model under several recipes), the folder of a model of our own (`save_pretrained`), or the
            path of a `.pt2` file; reading such a file can run code that it contains, so it is refused without
            `trust=True`.
        example_input: a tensor, a tuple of tensors, or tensors by the names of the module's arguments, batch first;
            gives the shapes.
        calibration: windows of the training set that set the ranges of activations: a tensor with a leading batch axis,
            a tuple of them, or an iterable of such; or a Calibration, as quantisation-aware training gives it. A
            float32 recipe needs none.
        target: a core from `smidgen.targets`. recipe: a name, a Recipe or a TOML file.
        name: prefix of the C symbols. inputs: how the firmware receives inputs, by name, where the sensor decides.
        time_axis: of the inputs, the batch counted as 0: along which the model may run frame by frame, see
            `Firmware.streaming`.
        optimize: "speed", "size" of code, or "balanced"; `Firmware.choices` has the costs of each.

    Raises: ExportError, UnsupportedError (with the user's line), ConfigError, BudgetError: all SmidgenError.
    """
    check_time_axis(time_axis)
    find_optimization(optimize)  # refused before anything long is done
    chosen_target = target if isinstance(target, Target) else find_target(target)
    clock = _StageClock()
    made = _lowered(model, example_input, calibration, find_recipe(recipe), name, inputs, trust, clock)
    with clock.stage("fold, schedule and plan memory"):
        has_dsp = chosen_target.core.has_dsp
        graph = schedule(fold(made.graph), has_dsp=has_dsp)
        memory = plan_memory(graph, has_dsp=has_dsp)
    with clock.stage("emit C"):
        firmware = Firmware(
            float_program=made.float_program,
            lowered=made.graph,
            graph=graph,
            plan=memory,
            target=chosen_target,
            quantization=made.quantization,
            relower=made.relower,
            windows=made.windows,
            time_axis=time_axis,
            optimize=optimize,
            compile_seconds=clock.seconds,
        )
    with clock.stage("build and measure"):
        _ = firmware.measurement  # on the emulated core, held against the target's budget
    return firmware


def stream(
    model: nn.Module | ExportedProgram | FloatProgram | str | Path,
    example_input: torch.Tensor | Sequence[torch.Tensor] | Mapping[str, torch.Tensor],
    *,
    calibration: Any = None,
    target: str | Target = "cortex-m4",
    recipe: str | Path | Recipe = "int8",
    name: str = "model",
    inputs: Mapping[str, Input] | None = None,
    time_axis: int = 1,
    optimize: str = "balanced",
    trust: bool = False,
) -> StreamingFirmware:
    """Compile a causal sequence model to C99 that takes one frame at a time, whatever a window of it would need.

    Args: as for `compile`; the length of `example_input` decides only how far attention without a window of its own
    looks back, and where a table of learned positions ends.

    Raises: StreamingError, with the layer that looks ahead and what to write instead; otherwise as `compile`.
    """
    check_time_axis(time_axis)
    find_optimization(optimize)  # refused before anything long is done
    chosen_target = target if isinstance(target, Target) else find_target(target)
    chosen_recipe = find_recipe(recipe)
    made = _lowered(model, example_input, calibration, chosen_recipe, name, inputs, trust, _StageClock())
    firmware = StreamingFirmware(
        float_program=made.float_program,
        stream=CausalGraph(made.graph, time_axes(made.graph, time_axis)),
        target=chosen_target,
        recipe_name=chosen_recipe.name,
        optimize=optimize,
        windows=made.windows,
    )
    _ = firmware.measurement  # on the emulated core, held against the target's budget
    return firmware


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lowered:
    """A model up to its graph."""

    float_program: FloatProgram
    quantization: Plan
    graph: Graph  # before folding
    relower: Callable[[Recipe], Graph]  # the same under another recipe
    windows: list[NDArray[Any]]  # a few, in the graph's input types, for the self-test and the measurement


def _lowered(
    model: nn.Module | ExportedProgram | FloatProgram | str | Path,
    example_input: torch.Tensor | Sequence[torch.Tensor] | Mapping[str, torch.Tensor],
    calibration: Any,
    recipe: Recipe,
    name: str,
    inputs: Mapping[str, Input] | None,
    trust: bool,
    clock: "_StageClock",
) -> _Lowered:
    """Import, calibrate and lower; arguments as for `compile`."""
    check_program_name(name)
    with clock.stage("import"):
        float_program = model if isinstance(model, FloatProgram) else import_model(_loaded(model, trust), example_input)
        example = as_batch(example_input, float_program.input_names)
        float_program.check_inputs(example)
    with clock.stage("calibrate"):
        known = calibration if isinstance(calibration, Calibration) else None
        given = calibration is not None and known is None
        windows = list(batches(calibration, float_program.input_names)) if given else []
        calibrated = calibrate(float_program, windows) if windows and not recipe.is_float else known

    def lower_under(chosen: Recipe) -> tuple[Plan, Graph]:
        plan = make_plan(float_program, calibrated, chosen, inputs)
        return plan, lower(float_program, plan, name=name)

    with clock.stage("lower"):
        plan, graph = lower_under(recipe)
    first = tuple(value[:MEASURED_WINDOWS] for value in (windows or [example])[0])
    return _Lowered(
        float_program=float_program,
        quantization=plan,
        graph=graph,
        relower=lambda other: lower_under(other)[1],
        windows=quantize_inputs(float_program, graph, first),
    )


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
