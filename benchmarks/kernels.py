"""`python -m benchmarks.kernels`: what each kernel costs in exact instructions, beside baseline and target.

Every work is a module compiled as a user compiles it; only its own operator is counted, with offsets, widening and
requantisation. Baselines: CMSIS-NN compiled by zig at -O2 on the same emulator; for float32, a naive C loop.
"""

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

import smidgen
from smidgen.codegen.bundle import Layer
from smidgen.compression import Recipe
from smidgen.compression.codecs import CODECS
from smidgen.firmware import Firmware
from smidgen.models.selective_scan import selective_scan
from smidgen.targets import find_target
from smidgen.verification import open_runner
from smidgen.whole_file import write_whole

RESULTS = Path("results/kernels.json")
INT8 = Recipe(name="int8-throughout", activation="int8")  # the recipe "int8" keeps int16 where a model's outputs leave
INT8_STATE16 = Recipe(name="int8-state16", activation="int8", scan_state="int16")
INT16 = Recipe(name="int16", activation="int16")
FLOAT32 = Recipe(name="float32", activation="float32")
INT4 = Recipe(name="int4", activation="int8", weight=CODECS["int4"])
PALETTE = Recipe(name="palette16", activation="int8", weight=CODECS["palette16"])
INT16_INT4 = Recipe(name="int16-int4", activation="int16", weight=CODECS["int4"])

_WINDOWS = 16
_FLASH_BYTES = 1 << 20  # a layer of 256x256 is more than the smallest boards have


class _Function(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *x: Tensor) -> Tensor:
        return self.function(*x)


class _Scan(nn.Module):
    """A selective scan over u (B, T, d) with steps, B and C given; rates are n a, equal or of no form."""

    def __init__(self, width: int, states: int, rates: str) -> None:
        super().__init__()
        of_form = {"A_n = n*a": torch.arange(1.0, states + 1), "one decay": torch.ones(states)}
        self.register_buffer(
            "A", -of_form[rates].repeat(width, 1) if rates in of_form else -torch.rand(width, states) * states
        )
        self.register_buffer("D", torch.ones(width))

    def forward(self, u: Tensor, delta: Tensor, b: Tensor, c: Tensor) -> Tensor:
        scanned: Tensor = selective_scan(u, torch.sigmoid(delta), self.A, b, c, self.D)
        return scanned


class _Convolution(nn.Module):
    """A convolution with channels last: 3x3 over an image, or causal over the last four steps of a sequence."""

    def __init__(self, channels: int, groups: int, *, causal: bool) -> None:
        super().__init__()
        self.causal = causal
        self.convolution = (
            nn.Conv1d(channels, channels, 4, groups=groups, padding=3)
            if causal
            else nn.Conv2d(channels, channels, 3, groups=groups, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        convolved: Tensor = self.convolution(x.movedim(-1, 1))
        return (convolved[..., : x.shape[1]] if self.causal else convolved).movedim(1, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One operator on one core; `shapes` are those of its inputs, without batch."""

    name: str
    op: str  # kind of the operator that is counted
    module: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    per: int  # how many of `unit` it does
    unit: str
    target: float
    baseline: float | None = None
    core: str = "cortex-m4"
    recipe: Recipe = INT8
    counted: tuple[str, ...] = ()  # C functions of the operator; all of it without
    apart: tuple[str, ...] = ()  # its other functions, each counted until one of the others is entered

    def measure(self) -> dict[str, Any]:
        """Compile and count; return a record."""
        torch.manual_seed(0)
        windows = tuple(torch.randn(_WINDOWS, *shape) for shape in self.shapes)
        firmware = smidgen.compile(
            self.module().eval(), tuple(window[:1] for window in windows), calibration=windows,
            target=replace(find_target(self.core), flash_bytes=_FLASH_BYTES), recipe=self.recipe, name="kernel",
        )  # fmt: skip
        (layer,) = (layer for layer in firmware.measurement.layers if layer.op == self.op)
        assert layer.instructions is not None
        instructions = self._counted(firmware, windows) if self.counted else layer.instructions
        return {
            "work": self.name,
            "core": self.core,
            "optimize": "balanced",
            "unit": f"instructions/{self.unit}",
            "ours": round(instructions / self.per, 3),
            "baseline": self.baseline,
            "target": self.target,
            "bytes": layer.flash_bytes,
            "command": "python -m benchmarks.kernels",
        }

    def _counted(self, firmware: Firmware, windows: tuple[Tensor, ...]) -> int:
        """Return what the counted functions take, in a program whose layers they are."""
        parts = tuple(Layer(name=name, op="part", function=name, macs=0) for name in (*self.counted, *self.apart))
        program = replace(firmware.program, layers=firmware.program.layers + parts)
        runner = open_runner(program, firmware.target)
        layers = runner.measure(firmware.quantize_inputs(tuple(window[:1] for window in windows))).layers
        return sum(layer.instructions or 0 for layer in layers if layer.name in self.counted)


def _linear(rows: int, width: int, **cost: Any) -> Work:
    of = f"{width}x{width}, one vector" if rows == 1 else f"{rows}x{width} times {width}x{width}"
    shape = (width,) if rows == 1 else (rows, width)
    weights = cost.get("recipe", INT8).name.removesuffix("-throughout")
    return Work(
        name=f"{weights} linear {of}", op="linear", module=lambda: nn.Linear(width, width), shapes=(shape,),
        per=rows * width * width, unit="MAC", **cost,
    )  # fmt: skip


def _elementwise(
    name: str,
    op: str,
    module: Callable[[], nn.Module],
    *,
    operands: int = 1,
    target: float,
    baseline: float | None = None,
) -> Work:
    shapes = ((20, 64),) * operands
    return Work(
        name=name, op=op, module=module, shapes=shapes, per=20 * 64, unit="element", target=target, baseline=baseline
    )  # fmt: skip


def _scan(width: int, states: int, rates: str, *, target: float, recipe: Recipe = INT8) -> Work:
    held = "" if recipe.scan_state == "int32" else f", {recipe.scan_state} state"
    return Work(
        name=f"selective scan {width}x{states}, {rates}{held}", op="selective_scan",
        module=lambda: _Scan(width, states, rates), shapes=((20, width),) * 2 + ((20, states),) * 2,
        per=20 * width * states, unit="state update", target=target, recipe=recipe,
    )  # fmt: skip


def _convolution(name: str, shape: tuple[int, ...], *, taps: int, groups: int, **cost: Any) -> Work:
    channels = shape[-1]
    per = math.prod(shape) * taps * channels // groups
    return Work(
        name=name, op="conv2d", module=lambda: _Convolution(channels, groups, causal=taps == 4), shapes=(shape,),
        per=per, unit="MAC", **cost,
    )  # fmt: skip


WORKS = (
    _linear(1, 64, target=1.15, baseline=3.02),
    _linear(1, 256, target=1.05, baseline=2.44),
    _linear(20, 64, target=0.95, baseline=2.57),
    _linear(1, 64, target=5.5, baseline=7.18, core="cortex-m0plus"),
    _linear(1, 64, target=1.5, recipe=INT16),
    _linear(20, 64, target=1.5, recipe=INT16),
    _linear(1, 64, target=6.0, recipe=INT16, core="cortex-m0plus"),
    _linear(1, 64, target=3.0, baseline=5.69, recipe=FLOAT32),
    *(_linear(rows, width, target=1.6, recipe=recipe) for recipe in (INT4, PALETTE, INT16_INT4)
      for rows, width in ((1, 64), (20, 64))),
    _linear(1, 256, target=1.6, recipe=INT4),
    _linear(1, 256, target=1.6, recipe=PALETTE),
    _convolution("int8 conv 3x3, 8x8x16 -> 16", (8, 8, 16), taps=9, groups=1, target=1.3, baseline=2.48),
    _convolution("int8 depthwise conv 3x3, 8x8x16", (8, 8, 16), taps=9, groups=16, target=3.5, baseline=9.07),
    _convolution("int8 causal depthwise conv of 4, 20x128", (20, 128), taps=4, groups=128, target=3.5),
    Work(
        name="int8 attention T=50, head 16, matmuls", op="attention",
        module=lambda: _Function(scaled_dot_product_attention), shapes=((1, 50, 16),) * 3, per=2 * 50 * 50 * 16,
        unit="MAC", target=1.4, counted=("widen_queries", "score_keys", "value_columns"), apart=("weigh_keys",),
    ),
    Work(
        name="int8 attention T=50, head 16, softmax", op="attention",
        module=lambda: _Function(scaled_dot_product_attention), shapes=((1, 50, 16),) * 3, per=50 * 50,
        unit="element", target=25.0, baseline=427.0, counted=("weigh_keys",),
        apart=("widen_queries", "score_keys", "value_columns"),
    ),
    _elementwise("int8 softmax, rows of 64", "softmax", lambda: nn.Softmax(-1), target=25.0, baseline=427.0),
    _elementwise("LayerNorm D=64", "layer_norm", lambda: nn.LayerNorm(64), target=14.0),
    _elementwise("RMSNorm D=64", "rms_norm", lambda: nn.RMSNorm(64), target=9.0),
    _elementwise("int8 add", "add", lambda: _Function(torch.add), operands=2, target=6.0),
    _elementwise("int8 mul", "mul", lambda: _Function(torch.mul), operands=2, target=6.0),
    _elementwise("int8 table (tanh)", "table", nn.Tanh, target=3.0),
    _scan(128, 16, "A_n = n*a", target=10.0),
    _scan(128, 16, "one decay", target=10.0),
    _scan(128, 16, "general A", target=18.0),
    _scan(128, 16, "A_n = n*a", target=10.0, recipe=INT8_STATE16),
    _scan(128, 16, "one decay", target=10.0, recipe=INT8_STATE16),
    _scan(128, 16, "general A", target=18.0, recipe=INT8_STATE16),
    _scan(16, 8, "A_n = n*a", target=10.0),
)  # fmt: skip


def kernels_table(records: list[dict[str, Any]]) -> Table:
    """Return ours beside baseline and target, and how many times less than the baseline; misses are marked."""
    table = Table(title="kernels: exact instructions for a unit of work", title_justify="left")
    for heading in ("work", "core", "unit"):
        table.add_column(heading)
    for heading in ("ours", "baseline", "ratio", "target", "met", "flash B"):
        table.add_column(heading, justify="right")
    for row in records:
        baseline = row["baseline"]
        table.add_row(
            row["work"], row["core"], row["unit"].removeprefix("instructions/"), f"{row['ours']:.3f}",
            "" if baseline is None else f"{baseline:.2f}", "" if baseline is None else f"{baseline / row['ours']:.2f}",
            f"{row['target']:.2f}", "yes" if row["ours"] <= row["target"] else "no", f"{row['bytes']:,}",
        )  # fmt: skip
    return table


def write_kernel_records(out: Path, only: str = "*") -> Table:
    """Measure every work whose name matches, write the records, others as they were, and return their table."""
    before = {_key(record): record for record in json.loads(out.read_text())} if only != "*" else {}
    measured = {_key(record): record for record in (work.measure() for work in WORKS if fnmatchcase(work.name, only))}
    found = before | measured
    records = [found[key] for key in ((work.name, work.core) for work in WORKS) if key in found]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, ("[\n" + ",\n".join(json.dumps(record) for record in records) + "\n]\n").encode())
    return kernels_table(records)


def _key(record: dict[str, Any]) -> tuple[str, str]:
    return record["work"], record["core"]


def main() -> None:
    """Write the records and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"where to write the records (default {RESULTS})")
    parser.add_argument("--only", default="*", help="names of works with * and ?; the records of others stay")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    Console(width=118).print(write_kernel_records(arguments.out, arguments.only))


if __name__ == "__main__":
    main()
