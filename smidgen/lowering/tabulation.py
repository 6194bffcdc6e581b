"""A function of one integer tensor as tables: of int8 exact, of int16 by steps or by interpolation, part by part.

A table of int16 interpolates between 513 knots, which misses jumps and the bend of a root or logarithm near 0. A
function that jumps is parted there; where it bends within a small part of the range, that part has a table of its own
over x magnified.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx

from smidgen.ir.graph import Attribute, Tensor
from smidgen.lowering.builder import TRUTH, Builder, Floats
from smidgen.numerics.elementwise import rescale_parameters
from smidgen.numerics.fixed_point import Integers
from smidgen.numerics.quantization import QParams
from smidgen.numerics.tables import INT16_KNOTS, table_entries, table_lookup

RealFunction = Callable[[Floats], Floats]

#: A function of int16 with at most so many changes is a list of steps.
_MOST_STEPS = 128
#: Jumps at which a function may be parted.
_MOST_PARTS = 5
#: Error of interpolation, in steps of a result of each type, from which a function is looked at more closely.
_TOLERANCE = {"int8": 0.5, "int16": 8.0}
#: Steps of the result from which a change between neighbours can be a jump.
_LEAST_JUMP = 2
#: Error from which a bend gets a table of its own, and how much of the range it may then take.
_BEND_TOLERANCE, _BEND_REACH = 64.0, 1 / 16
#: Mean error, as a part of the function's range, from which a table is none.
_LOST = 0.02
_DOMAIN: Integers = np.arange(-32767, 32768)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The values that an operand took during calibration; `whole` numbers, or real ones."""

    low: float
    high: float
    whole: bool = False

    def finite(self, real: Floats, values: Floats) -> Floats:
        """Return values with those that are no numbers replaced by the nearest that is.

        Where there are such, what lies four times nearer to 0 than anything seen counts as one of them: 1 / x of an x
        that never comes near 0 has no pole.
        """
        good = np.isfinite(values)
        if good.all():
            return values
        if self.low > 0:
            good &= real >= self.low / 4
        if self.high < 0:
            good &= real <= self.high / 4
        return values if not good.any() else np.interp(real, real[good], values[good])

    def covers(self, real: Floats) -> NDArray[np.bool_]:
        """Return which values lie in the range seen, a quarter wider."""
        margin = 0.25 * (self.high - self.low)
        low = self.low / 2 if self.low > 0 else self.low - margin
        high = self.high / 2 if self.high < 0 else self.high + margin
        return (real >= low) & (real <= high)


def add_function(
    builder: Builder, node: fx.Node, x: Tensor, y: Tensor, function: RealFunction, seen: Seen, *, jumps: bool
) -> None:
    """Add the ops that give y = function(x).

    Args: seen, the range of x; jumps, whether the function may have jumps that no look at a part of it shows.
    """
    source, _ = builder.quantization(node, x, y)

    def defined(real: Floats) -> Floats:
        return seen.finite(real, function(real))

    maker = _Maker(builder, node, x, source, seen)
    if x.dtype == "int8":
        maker.add_table(x, source, y, defined)
    else:
        maker.add_curve(y, defined, jumps=jumps)


class _Maker:
    """Adds the ops of one function of int16."""

    def __init__(self, builder: Builder, node: fx.Node, x: Tensor, source: QParams, seen: Seen) -> None:
        self._builder, self._node, self._x, self._source, self._seen = builder, node, x, source, seen
        self._parts = 1

    def add_table(self, x: Tensor, source: QParams, y: Tensor, function: RealFunction) -> None:
        """Add one table, over x or over x magnified."""
        assert y.qparams is not None
        table = table_entries(function, source, y.qparams)
        self._add("table", [x], y, {"table": table.astype(y.dtype)})

    def add_curve(self, y: Tensor, function: RealFunction, *, jumps: bool) -> None:
        """Add a function, as plainly as its shape allows."""
        assert y.qparams is not None
        if self._seen.whole and self._add_steps_seen(y, function):
            return
        tolerance = _TOLERANCE[y.qparams.dtype]
        jumps = jumps or self._gives_whole_numbers
        if not jumps and y.qparams != TRUTH and self._error_between_knots(y.qparams, function) <= tolerance:
            self.add_table(self._x, self._source, y, function)
            return
        values = function(self._source.dequantize(_DOMAIN))
        exact = y.qparams.quantize(values)
        changes = np.flatnonzero(np.diff(exact)) + 1
        if len(changes) <= _MOST_STEPS:
            self._add_steps(y, _DOMAIN[changes], exact[np.concatenate([[0], changes])])
            return
        error = np.abs(table_lookup(_DOMAIN, table_entries(function, self._source, y.qparams), "int16") - exact)
        if error.max() > tolerance and (jump := _largest_jump(exact)) is not None and self._parts < _MOST_PARTS:
            self._add_parted(y, function, int(_DOMAIN[jump]))
            return
        seen = error[self._seen.covers(self._source.dequantize(_DOMAIN))]
        allowed = 0.0 if self._gives_whole_numbers else _LOST * np.ptp(exact)
        if seen.size and seen.mean() > allowed:
            raise self._builder.unsupported(
                self._node,
                f"it changes too often for a table of int16, which would be off by {seen.mean() * y.qparams.scale:g} "
                "on average; round or compare in fewer places, or declare what it reads int8",
            )
        bent = np.abs(_DOMAIN[(error > _BEND_TOLERANCE) & self._seen.covers(self._source.dequantize(_DOMAIN))])
        if bent.size and bent.max() <= _BEND_REACH * 32768:
            self._add_magnified(y, function, int(bent.max()) + 1)
        else:
            self.add_table(self._x, self._source, y, function)

    @property
    def _gives_whole_numbers(self) -> bool:
        """True for whole numbers, such as ids: a table must not be off by one anywhere."""
        dtype = self._node.meta["val"].dtype
        return not dtype.is_floating_point and dtype != torch.bool

    def _add_steps_seen(self, y: Tensor, function: RealFunction) -> bool:
        """Add a function of whole numbers as steps, level beyond what was seen; return False where that takes many."""
        assert y.qparams is not None
        domain = np.arange(int(self._seen.low), int(self._seen.high) + 1)
        if len(domain) > _MOST_STEPS:
            return False
        exact = y.qparams.quantize(function(domain.astype(np.float64)))
        changes = np.flatnonzero(np.diff(exact)) + 1
        self._add_steps(y, domain[changes], exact[np.concatenate([[0], changes])])
        return True

    def _error_between_knots(self, target: QParams, function: RealFunction) -> float:
        """Return the largest error of interpolation half-way between knots, in steps of the result."""
        points = np.linspace(-32768, 32768, 2 * INT16_KNOTS - 1)
        values = np.clip(function(points * self._source.scale) / target.scale, -40000, 40000)
        return float(np.abs(values[1::2] - (values[:-1:2] + values[2::2]) / 2).max())

    def _add_parted(self, y: Tensor, function: RealFunction, last: int) -> None:
        """Part a function between `last` and the integer above; each part goes on level beyond the jump."""
        self._parts += 1
        ends = self._source.dequantize(np.array([last, last + 1]))
        below, above = self._between(y, "below"), self._between(y, "above")
        self.add_curve(below, lambda real: function(np.minimum(real, ends[0])), jumps=True)
        self.add_curve(above, lambda real: function(np.maximum(real, ends[1])), jumps=True)
        beyond = self._between(self._x, "beyond", TRUTH)
        self._add_steps(beyond, np.array([last + 1]), np.array([0, 1]))
        self._add("select", [beyond, above, below], y)

    def _add_magnified(self, y: Tensor, function: RealFunction, reach: int) -> None:
        """Let a table over x times a power of two give what lies within `reach` of 0."""
        factor = 2 ** ((32767 // reach).bit_length() - 1)
        fine = QParams(dtype="int16", scale=self._source.scale / factor)
        magnified = self._between(self._x, "magnified", fine)
        multiplier, shift = rescale_parameters(self._source, fine)
        self._add("rescale", [self._x], magnified, attrs={"multiplier": multiplier, "shift": shift})
        inner, outer = self._between(y, "inner"), self._between(y, "outer")
        self.add_table(magnified, fine, inner, function)
        self.add_table(self._x, self._source, outer, function)
        near = self._between(self._x, "near", TRUTH)
        edge = 32767 // factor
        self._add_steps(near, np.array([-edge, edge + 1]), np.array([0, 1, 0]))
        self._add("select", [near, inner, outer], y)

    def _add_steps(self, y: Tensor, thresholds: Integers, values: Integers) -> None:
        if not len(thresholds):
            thresholds, values = np.zeros(1, np.int64), values.repeat(2)
        params = {"thresholds": thresholds.astype(np.int16), "values": values.astype(y.dtype)}
        self._add("steps", [self._x], y, params)

    def _between(self, like: Tensor, role: str, qparams: QParams | None = None) -> Tensor:
        """Add a tensor between x and y."""
        name = self._builder.unused(f"{self._node.name}_{role}")
        return self._builder.add_tensor(name, self._x.shape, qparams or like.qparams)

    def _add(
        self,
        kind: str,
        inputs: list[Tensor],
        y: Tensor,
        params: dict[str, NDArray[np.generic]] | None = None,
        attrs: dict[str, Attribute] | None = None,
    ) -> None:
        suffix = "" if y.name == self._builder.values.get(self._node.name) else f".{y.name}"
        self._builder.add_op(
            self._node, kind, inputs, y, params, attrs, name=self._builder.op_name(self._node, suffix)
        )  # fmt: skip


def _largest_jump(exact: Integers) -> int | None:
    """Return the index before the largest jump, None if the function only bends."""
    step = np.abs(np.diff(exact)).astype(np.int64)
    padded = np.pad(step, 3)
    around = np.maximum.reduce([np.roll(padded, offset)[3:-3] for offset in (-3, -2, 2, 3)])
    jumps = np.flatnonzero(step > np.maximum(_LEAST_JUMP, 8 * around))
    return int(jumps[np.argmax(step[jumps])]) if jumps.size else None
