"""What was measured, as plain records: they turn into JSON, print as tables, and need nothing that measured them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import StringIO
from typing import Any

from rich.console import Console
from rich.table import Table

_TABLE_COLUMNS = 118


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerMeasurement:
    """One operator call of a program."""

    name: str  # of the source, e.g. "layers.0.in_proj"
    op: str
    macs: int
    instructions: int | None  # in the invoke that `Measurement.instructions` counts, helpers that it calls included
    flash_bytes: int | None  # code and constants that only this layer needs


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one program costs on one target. Instructions are exact; cycles, time and energy are estimates.

    None stands for what cannot be measured there: instructions on the host and in WebAssembly, the host's stack.
    """

    program: str
    target: str
    flash_bytes: int  # code, constants and initial values of all that is linked
    code_bytes: int | None = None  # of them, instructions; None where they cannot be told apart, as in WebAssembly
    context_bytes: int  # the caller's struct: state, arena and padding
    state_bytes: int
    arena_bytes: int
    io_bytes: int  # input and output buffers
    stack_bytes: int | None  # deepest of init, self-test and every invoke measured
    static_bytes: int  # .data and .bss
    instructions: int | None  # of one invoke: the most over the inputs measured
    instructions_min: int | None  # and the fewest
    n_inputs: int  # invokes measured
    cycles_estimate: int | None  # of the same invoke; None for cores without a cycle model
    latency_us_estimate: float | None = None  # of these cycles at the board's fastest clock
    energy_uj_estimate: float | None = None  # of these cycles at the board's run current
    layers: tuple[LayerMeasurement, ...]

    @property
    def ram_bytes(self) -> int:
        """All of it, the stack where it is measured."""
        return self.context_bytes + self.io_bytes + (self.stack_bytes or 0) + self.static_bytes

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold: the fields, the layers as objects, and `ram_bytes`."""
        return {**asdict(self), "layers": [asdict(layer) for layer in self.layers], "ram_bytes": self.ram_bytes}

    def __str__(self) -> str:
        table = Table(title=f"{self.program} on {self.target}", title_justify="left")
        table.add_column("layer")
        table.add_column("op")
        for heading in ("MACs", "instructions", "per MAC", "flash B"):
            table.add_column(heading, justify="right")
        for layer in self.layers:
            _add_row(table, layer.name, layer.op, layer.macs, layer.instructions, layer.flash_bytes)
        rest_instructions = _rest(self.instructions, [layer.instructions for layer in self.layers])
        rest_flash_bytes = _rest(self.flash_bytes, [layer.flash_bytes for layer in self.layers])
        _add_row(table, "the rest", "", 0, rest_instructions, rest_flash_bytes)
        table.add_section()
        _add_row(table, "total", "", sum(layer.macs for layer in self.layers), self.instructions, self.flash_bytes)
        return f"{_printed(table)}\n{self._summary()}"

    def _summary(self) -> str:
        stack = "not measured" if self.stack_bytes is None else f"{self.stack_bytes:,}"
        return (
            f"RAM   {self.ram_bytes:,} B = context {self.context_bytes:,} (state {self.state_bytes:,}, "
            f"arena {self.arena_bytes:,}) + buffers {self.io_bytes:,} + stack {stack}"
            f" + static {self.static_bytes:,}\n"
            f"Flash {self.flash_bytes:,} B{self._code()}\n"
            f"{self._work()}"
        )

    def _code(self) -> str:
        return "" if self.code_bytes is None else f", code {self.code_bytes:,}"

    def _work(self) -> str:
        """Say what one invoke takes, estimates by that name."""
        if self.instructions is None:
            return f"Instructions are not counted on {self.target}; {self.n_inputs:,} invokes ran"
        varied = "" if self.instructions == self.instructions_min else f", fewest {self.instructions_min:,}"
        counted = f"Instructions {self.instructions:,}{varied} over {self.n_inputs:,} invokes"
        if self.cycles_estimate is None:
            return f"{counted}; no cycle model"
        estimates = [f"about {self.cycles_estimate:,} cycles"]
        if self.latency_us_estimate is not None:
            estimates.append(f"{self.latency_us_estimate:,.0f} us")
        if self.energy_uj_estimate is not None:
            estimates.append(f"{self.energy_uj_estimate:,.2f} uJ")
        return f"{counted}; {', '.join(estimates)} ({'estimate' if len(estimates) == 1 else 'estimates'})"


def beside_each_other(choices: Mapping[str, Measurement], chosen: str) -> str:
    """Return what a program costs under each choice of a name, as a table; `chosen` is the one that was made."""
    table = Table()
    table.add_column("optimize")
    for heading in ("instructions", "flash B", "code B", "stack B"):
        table.add_column(heading, justify="right")
    for name, costs in choices.items():
        cells = (costs.instructions, costs.flash_bytes, costs.code_bytes, costs.stack_bytes)
        table.add_row(f"{name} (this)" if name == chosen else name, *map(_counted, cells))
    return _printed(table)


def _printed(table: Table) -> str:
    text = StringIO()
    console = Console(file=text, width=_TABLE_COLUMNS, color_system=None)
    console.print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _rest(whole: int | None, parts: list[int | None]) -> int | None:
    """Return what of the whole lies in no part; None where something is not measured."""
    measured = [part for part in parts if part is not None]
    return None if whole is None or len(measured) < len(parts) else whole - sum(measured)


def _add_row(table: Table, name: str, op: str, macs: int, instructions: int | None, flash_bytes: int | None) -> None:
    per_mac = f"{instructions / macs:.2f}" if macs and instructions is not None else ""
    table.add_row(name, op, f"{macs:,}" if macs else "", _counted(instructions), per_mac, _counted(flash_bytes))


def _counted(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRecord:
    """One trained model under one recipe on one held-out part: a row of `summary.json`.

    `*_float` scores the PyTorch model, `*_integer` the compiled program (its float32 arithmetic where the recipe is
    float32). F1 and shares lie in [0, 1].
    """

    model: str
    recipe: str
    data: str
    split: str  # what is held out
    seed: int
    macro_f1_float: float
    macro_f1_integer: float
    macro_f1_without_rare: float  # of the compiled program, rare rooms left out
    accuracy_float: float
    accuracy_integer: float
    argmax_agreement: float  # compiled program with PyTorch model, share of windows
    mismatched_bytes: int  # integer reference against host C and emulated C
    ram_bytes: int
    state_bytes: int
    arena_bytes: int
    stack_bytes: int | None  # None where it is not measured, as in `Measurement`
    flash_bytes: int
    instructions: int | None  # of one decision
    cycles_estimate: int | None
    parameters: int
    n_windows: int  # decisions scored, and run on the host
    n_emulated: int  # of them, run on the emulated core
    logit_error: float  # largest |compiled - PyTorch| logit, relative to the largest |logit|


WEARABLE_RAM_BYTES, WEARABLE_FLASH_BYTES, WEARABLE_INSTRUCTIONS = 8 * 1024, 32 * 1024, 60_000
"""What a wearable has to spare for finding rooms: memory, and instructions of a Cortex-M4 for one decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalisationRecord:
    """One way to find rooms over all held-out recordings: a row of `results/localisation.json`.

    Scores are those of the arithmetic that `recipe` names, pooled over the held-out recordings, mean over seeds. What
    only a compiled program has is None for what runs in Python alone.
    """

    data: str
    protocol: str  # what is held out, and where a model that remembers begins
    model: str
    role: str  # student, teacher, baseline, or ceiling: what a person scores
    recipe: str  # float: as trained, in Python; otherwise the recipe of the program
    decoding: str  # off, or which transitions between rooms and which decoder
    delay_s: float | None  # from the end of a decision's 2 s to its answer; None: after the whole recording
    macro_f1: float
    macro_f1_8: float  # without the rooms that are rare: study on SPHERE, which leaves eight
    macro_f1_std: float  # of macro_f1 over seeds
    accuracy: float
    per_room_f1: Mapping[str, float | None]  # None: never there and never named
    seeds: int
    parameters: int | None
    ram_bytes: int | None  # all of it, stack included; the most over held-out recordings and seeds, as the next two
    flash_bytes: int | None
    instructions: int | None  # of one decision: all steps of 2 s
    mismatched_bytes: int | None  # of reference, host and emulated core; sum over held-out recordings and seeds
    command: str
    versions: str

    @property
    def fits_wearable(self) -> bool:
        """Whether it is a program within what a wearable has to spare."""
        costs = (self.ram_bytes, self.flash_bytes, self.instructions)
        limits = (WEARABLE_RAM_BYTES, WEARABLE_FLASH_BYTES, WEARABLE_INSTRUCTIONS)
        return all(cost is not None and cost <= limit for cost, limit in zip(costs, limits, strict=True))
