"""What a check saw, as a record that prints: bytes against bytes, integers against the float model, layer by layer."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from io import StringIO
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from smidgen.fidelity.advice import Advice
from smidgen.fidelity.divergence import Divergence
from smidgen.fidelity.layers import LayerFidelity
from smidgen.fidelity.noise import OutputFidelity
from smidgen.verification import Comparison

Array = NDArray[Any]

_TABLE_COLUMNS = 118


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What `Firmware.check` saw. Printing gives a summary; `table` adds the layers; `to_dict` is what JSON can hold."""

    n_windows: int
    n_emulated: int  # run on the target
    host: Comparison
    emulated: Comparison
    outputs: tuple[OutputFidelity, ...]
    layers: tuple[LayerFidelity, ...]
    values: tuple[Array, ...] = field(repr=False)  # the reference's outputs as real numbers
    float_values: tuple[Array, ...] = field(repr=False)  # the float model's
    label: str  # of what ran the target's C: "emulated cortex-m4", "WebAssembly"
    divergences: tuple[Divergence, ...] = ()  # one for each execution that differs
    advice: Advice | None = None  # given where the outputs are poor
    tensors: tuple[Path, ...] = ()  # where a failing comparison left them

    @property
    def sqnr_db(self) -> float:
        """Of the output that is least near the float model."""
        return min(output.sqnr_db for output in self.outputs)

    @property
    def argmax_agreement(self) -> float:
        """Of the output that agrees least with the float model."""
        return min(output.agreement for output in self.outputs)

    @property
    def mismatched_bytes(self) -> int:
        """Bytes in which the host's or the target's C differ from the integer reference."""
        return self.host.mismatched_bytes + self.emulated.mismatched_bytes

    @property
    def first_divergent_layer(self) -> str | None:
        """The first layer whose bytes differ, on the emulated core before the host; None if all agree."""
        return next((divergence.layer for divergence in self.divergences if divergence.layer is not None), None)

    @property
    def worst_layer(self) -> LayerFidelity | None:
        """The layer that loses most against its operands, None where there is none."""
        return max(self.layers, key=lambda layer: layer.loss_db, default=None)

    @property
    def saturated(self) -> Mapping[str, int]:
        """Values of the float model that a layer's integers cannot say, and states that it holds, by layer, if any."""
        return {layer.name: layer.saturated for layer in self.layers if layer.saturated}

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values; an exact layer, whose ratio is infinite, has null."""
        return {
            "n_windows": self.n_windows,
            "n_emulated": self.n_emulated,
            "mismatched_bytes": self.mismatched_bytes,
            "sqnr_db": _finite(self.sqnr_db),
            "argmax_agreement": self.argmax_agreement,
            "first_divergent_layer": self.first_divergent_layer,
            "outputs": [_plain(asdict(output)) for output in self.outputs],
            "layers": [{**_plain(asdict(layer)), "loss_db": layer.loss_db} for layer in self.layers],
            "advice": None if self.advice is None else self.advice.to_dict(),
            "tensors": [str(path) for path in self.tensors],
        }

    def table(self) -> str:
        """Return the layers as a table, then the summary."""
        table = Table(title="layers against the float model, dB", title_justify="left")
        for heading in ("layer", "op", "type"):
            table.add_column(heading)
        for heading in ("integers", "operands", "fake-quantised", "own rounding", "loses", "saturated"):
            table.add_column(heading, justify="right")
        for layer in self.layers:
            ratios = (layer.sqnr_db, layer.source_db, layer.fake_db, layer.own_db)
            share = f"{layer.saturated:,} of {layer.values:,}" if layer.saturated else ""
            loss = f"{layer.loss_db:.1f}" if layer.loss_db >= 0.05 else ""
            table.add_row(layer.name, layer.op, layer.dtype, *map(_decibel, ratios), loss, share)
        text = StringIO()
        Console(file=text, width=_TABLE_COLUMNS, color_system=None).print(table)
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n" + str(self)

    def __str__(self) -> str:
        lines = [
            f"host C against the reference: {self.host}",
            f"{self.label} against the reference: {self.emulated}",
            f"against the float model: SQNR {_decibel(self.sqnr_db)} dB, "
            f"same argmax {100 * self.argmax_agreement:.2f} %",
        ]
        lines += [
            f"{found.execution}: first layer to diverge is {found.layer or 'none when watched'}, sample {found.sample}"
            for found in self.divergences
        ]
        lines += [f"tensors of the diverging sample: {path}" for path in self.tensors]
        if self.worst_layer is not None and self.worst_layer.loss_db > 0:
            worst = self.worst_layer
            operands = "its operands are exact" if worst.source_db == inf else f"from {worst.source_db:.1f} dB"
            lines.append(f"most is lost at {worst.name} ({worst.op}): {_decibel(worst.sqnr_db)} dB, {operands}")
        if self.saturated:
            lines.append(f"values beyond the calibrated range: {sum(self.saturated.values()):,}")
        if self.advice is not None:
            lines.append(str(self.advice))
        return "\n".join(lines)


def _decibel(ratio: float) -> str:
    return f"{ratio:.1f}" if np.isfinite(ratio) else "exact"


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: _finite(value) if isinstance(value, float) else value for key, value in fields.items()}
