"""A graph that is being drawn: operands in the form that an operator takes, and scales that its sums allow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any, TypeVar

import numpy as np
from graph_maker import INT8, INT16, Array, GraphMaker
from hypothesis import assume
from hypothesis import strategies as st
from strategies import attention_spans, float_tensors, tensors, windows
from strategies import qparams as random_qparams

from drawing.liberties import with_liberties
from smidgen.errors import GraphError
from smidgen.ir import Graph, Op, check_graph
from smidgen.ir.graph import Tensor
from smidgen.ir.ops import OP_SPECS, element_limit, states_of
from smidgen.ir.ops.op_spec import Form
from smidgen.ir.ops.sliding import image_shape
from smidgen.numerics.attention_span import AttentionSpan
from smidgen.numerics.quantization import QParams
from smidgen.numerics.window import Window

#: Sizes of axes and widths of layers: around the 4 and 16 at which kernels change their loops, small ones first.
SIZES = st.integers(1, 5) | st.sampled_from([8, 16, 17])

_MOST_STATE_BYTES = 4096

_T = TypeVar("_T")


#: Takes a sketch, a kind and a tensor x; adds an operator of the kind on x, brought into a form that it takes, and
#: returns the result.
Generator = Callable[["Sketch", str, str], str]
Generators = Mapping[str, Generator]


class Sketch(GraphMaker):
    """Adds operators of random sizes and scales, some of them with constants as far out as their proof lets them."""

    #: An operand with more is cut, so that a chain of growing operators stays small.
    most_elements = 300

    def __init__(self, draw: st.DrawFn, name: str = "drawn", *, is_step: bool = False, scope: str = "") -> None:
        super().__init__(name, seed=draw(st.integers(0, 2**16)), is_step=is_step, scope=scope)
        self.is_step = is_step
        self._draw = draw

    # ---- what is drawn -----------------------------------------------------------------------------------------------

    def draw(self, strategy: st.SearchStrategy[_T]) -> _T:
        """Draw a value."""
        return self._draw(strategy)

    def chance(self) -> bool:
        """Draw yes or no."""
        return self.draw(st.booleans())

    def whole(self, low: int, high: int) -> int:
        """Draw a whole number, both ends included."""
        return self.draw(st.integers(low, high))

    def one_of(self, *values: _T) -> _T:
        """Draw one of several, the simplest first."""
        return self.draw(st.sampled_from(values))

    def divisor(self, number: int) -> int:
        """Draw a divisor."""
        return self.one_of(*(d for d in range(1, number + 1) if number % d == 0))

    def axis(self, x: str) -> int:
        """Draw an axis of a tensor."""
        return self.whole(0, len(self.shape(x)) - 1)

    def qparams(self, dtype: str | None = None, *, symmetric: bool = False) -> QParams:
        """Draw a type, where none is given, a scale and a zero point."""
        chosen = dtype or self.one_of("int8", "int16")
        return self.draw(random_qparams(chosen, symmetric=symmetric))

    def window(self, x: str, *, spread: bool = True) -> Window:
        """Draw a window over the rows and columns of x; its elements may be spread as in a transposed convolution."""
        return self.draw(windows(image_shape(self.shape(x))[1:3], spread=spread))

    def attention_span(self) -> AttentionSpan:
        """Draw which keys a query sees."""
        return self.draw(attention_spans)

    # ---- tensors -----------------------------------------------------------------------------------------------------

    def shape(self, x: str) -> tuple[int, ...]:
        """Return the shape of a tensor."""
        return self.tensors[x].shape

    def drawn_constant(self, like: str, *shape: int) -> str:
        """Add a constant of a tensor's type and scale: spread, near zero, at the ends, or all alike."""
        name, x = f"constant_{len(self.tensors)}", self.tensors[like]
        data: Array = self.draw(float_tensors(*shape) if x.is_float else tensors(x.dtype, *shape))
        return self._tensor(name, shape, x.qparams, data.astype(x.dtype), x.dtype)

    def alike(self, x: str, *, but_axis: int | None = None) -> str:
        """Draw a tensor of the type, scale and shape of x, which may differ along one axis."""
        return self.one_of(*(name for name, t in self.tensors.items() if _joins(t, self.tensors[x], but_axis)))

    def partner(self, x: str, *, same_scale: bool = False) -> str:
        """Draw a second operand that is repeated to x's shape, or x to its: a tensor at hand, or a constant."""
        source = self.tensors[x]
        alike = [
            name for name, t in self.tensors.items()
            if t.is_float == source.is_float and t.dtype != "int32" and go_together(t.shape, source.shape)
            and (t.qparams == source.qparams or not same_scale)
        ]  # fmt: skip
        chosen = self.draw(st.sampled_from(alike) | st.none())
        if chosen is not None:
            return chosen
        kept = self.whole(0, len(source.shape))  # of the last axes
        return self.drawn_constant(x, *(self.one_of(1, size) for size in source.shape[len(source.shape) - kept :]))

    def cut(self, x: str) -> str:
        """Return x, or a part of it that has no more elements than a drawn graph should have."""
        while self.tensors[x].size > self.most_elements:
            shape = self.shape(x)
            axis = shape.index(max(shape))
            x = self.slice(x, axis, 0, max(1, shape[axis] // 4))
        return x

    def ranked(self, x: str, *ranks: int) -> str:
        """Return x with one of several numbers of axes, reshaped where it has another."""
        if len(self.shape(x)) in ranks and self.chance():
            return x
        rest, shape = self.tensors[x].size, []
        for _ in range(self.one_of(*ranks) - 1):
            shape.append(self.divisor(rest))
            rest //= shape[-1]
        shape = (*shape, rest)
        return x if shape == self.shape(x) else self.reshape(x, *shape)

    def shaped(self, x: str, *shape: int) -> str:
        """Return a tensor of x's arithmetic and of a shape: x repeated or cut, element after element."""
        if self.shape(x) == shape:
            return x
        size, wanted = self.tensors[x].size, prod(shape)
        flat = self.reshape(x, size) if self.shape(x) != (size,) else x
        if size < wanted:
            flat = self.concat(0, *[flat] * -(-wanted // size))
        flat = self.slice(flat, 0, 0, wanted) if self.tensors[flat].size > wanted else flat
        return self.reshape(flat, *shape)

    def symmetric(self, x: str) -> str:
        """Return x with zero point 0."""
        source = self.tensors[x]
        if source.qparams is None or source.zero_point == 0:
            return x
        return self.rescale(x, QParams(dtype="int8", scale=source.qparams.scale))

    def wide(self, x: str) -> str:
        """Return x as int16."""
        source = self.tensors[x].qparams
        if source is None or source.dtype == "int16":
            return x
        return self.rescale(x, QParams(dtype="int16", scale=source.scale * 2.0 ** self.whole(-8, 0)))

    def rescaled(self, x: str, qparams: QParams) -> str:
        """Return x in another scale, float32 as it is."""
        source = self.tensors[x].qparams
        return x if source in (None, qparams) else self.rescale(x, qparams)

    def rescaled_like(self, x: str, other: Tensor) -> str:
        """Return x in the scale of another tensor of its arithmetic."""
        return x if other.qparams is None else self.rescaled(x, other.qparams)

    def copied(self, x: str) -> str:
        """Return a tensor of its own with the elements of x."""
        return self.reshape(x, *self.shape(x))

    # ---- operators ---------------------------------------------------------------------------------------------------

    def scaled(self, add: Callable[[QParams], str], dtype: str | None = None, *, symmetric: bool = False) -> str:
        """Add an operator whose result has a random scale, or an ordinary one where its arithmetic refuses that."""
        for y in (self.qparams(dtype, symmetric=symmetric), *(() if dtype == "int16" else (INT8,))):
            try:
                return add(y)
            except GraphError:
                continue
        return add(INT16)

    def form(self, op: Op) -> Form:
        """Return the arithmetic of an operator."""
        spec = OP_SPECS[op.kind]
        x, y = tuple(self.tensors[name] for name in op.inputs), self.tensors[op.output]
        form = spec.float32 if spec.is_float(x, y) else spec.integer
        assert form is not None
        return form

    @property
    def results(self) -> list[str]:
        """Results that may be outputs, the last first."""
        given = [op for op in reversed(self._ops) if OP_SPECS[op.kind].result_state is None]
        return [name for op in given for name in op.outputs]

    def is_read(self, x: str) -> bool:
        """True if an operator reads a tensor."""
        return any(x in op.inputs for op in self._ops)

    def finished(self, *outputs: str) -> Graph:
        """Return the graph of what the outputs need, checked; steps with the number of frames that they allow."""
        graph = self._with(_needed(self._ops, outputs), outputs)
        used = {*graph.inputs, *(name for op in graph.ops for name in (*op.inputs, *op.outputs))}
        graph = replace(graph, tensors={name: tensor for name, tensor in graph.tensors.items() if name in used})
        assume(graph.frame_limit is None or graph.output_clock.count(graph.frame_limit) > 0)  # or it never answers
        check_graph(graph)
        return graph

    def _with(self, ops: Sequence[Op], outputs: Sequence[str]) -> Graph:
        graph = Graph(
            name=self._name, inputs=tuple(self._inputs), outputs=tuple(outputs), tensors=self.tensors, ops=tuple(ops),
            is_step=self._is_step,
        )  # fmt: skip
        if not self._is_step:
            return graph
        limits = {op.name: limit for op in ops if (limit := element_limit(graph, op)) is not None}
        frames = [op.clock.frames_for(limits[op.name]) for op in ops if op.name in limits]
        return replace(graph, frame_limit=min(frames, default=None))

    def _body(self, name: str, scope: str) -> "Sketch":
        return Sketch(self._draw, name, scope=scope)

    def _op(self, kind: str, *args: Any, **kwargs: Any) -> str:
        y = super()._op(kind, *args, **kwargs)
        if OP_SPECS[kind].result_state is None:
            *before, op = self._ops
            for _ in range(self.one_of(0, 0, 1, 3)):
                op = with_liberties(self._draw, op, self.form(op), lambda changed: self._check(before, changed))
            self._ops[-1] = op
        return y

    def _check(self, before: Sequence[Op], op: Op) -> None:
        """Raise GraphError unless the op is legal behind others, and small."""
        graph = self._with([*before, op], op.outputs)
        check_graph(graph)
        if sum(state.n_bytes for state in states_of(graph, op)) > _MOST_STATE_BYTES:
            raise GraphError(f"{op.name}: its state is too large to be drawn")


def _needed(ops: Sequence[Op], outputs: Sequence[str]) -> list[Op]:
    """Return the operators on which outputs depend."""
    needed, kept = set(outputs), []
    for op in reversed(ops):
        if needed & set(op.outputs):
            needed.update(op.inputs)
            kept.append(op)
    return kept[::-1]


def go_together(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """True if one shape can be repeated to the other."""
    try:
        return np.broadcast_shapes(a, b) in (a, b)
    except ValueError:
        return False


def _joins(a: Tensor, b: Tensor, but_axis: int | None) -> bool:
    """True for tensors of one type, scale and shape; along one axis they may differ."""
    if (a.dtype, a.qparams) != (b.dtype, b.qparams) or len(a.shape) != len(b.shape):
        return False
    return all(p == q for axis, (p, q) in enumerate(zip(a.shape, b.shape, strict=True)) if axis != but_axis)
