"""Windows that stream: time stays the first axis, and what would look ahead is taken back as soon as it is drawn."""

from collections.abc import Collection
from math import prod

from causal_graphs import STEPS, causal
from hypothesis import strategies as st

from drawing.random_graphs import GENERATORS, add_operator, finite_outputs
from drawing.sketch import Sketch
from smidgen.errors import GraphError, StreamingError
from smidgen.ir import Graph
from smidgen.numerics.attention_span import AttentionSpan
from smidgen.numerics.window import Window

_MOST_TRIED = 16  # operators, about half of which stream
_MOST_OUTPUTS = 3


@st.composite
def causal_windows(draw: st.DrawFn, *, kinds: Collection[str] = tuple(GENERATORS)) -> Graph:
    """Windows of `STEPS` steps that `passes.stream` takes, whatever it takes; outputs come at one clock."""
    s = _TimedSketch(draw)
    for i in range(s.whole(1, 2)):
        shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=2))
        dtype = s.one_of("int8", "int16", "float32")
        s.input(f"x{i}", STEPS, *shape, qparams=None if dtype == "float32" else s.qparams(dtype))
    for _ in range(_MOST_TRIED):
        if s.whole(0, 15) == 0:
            break
        draw(_operator(s, kinds))
    outputs: list[str] = []
    for name in s.results:
        if len(outputs) < _MOST_OUTPUTS and not s.is_read(name) and s.streams(*outputs, name):
            outputs.append(name)
    return s.finished(*(outputs or [s.copied("x0")]))


@st.composite
def _operator(draw: st.DrawFn, s: "_TimedSketch", kinds: Collection[str]) -> None:
    """Add an operator unless what it gives looks ahead, or is infinite."""
    before = s.drawn_so_far()
    draw(add_operator(s, {kind: GENERATORS[kind] for kind in kinds}))
    if s.drawn_so_far()[0] > before[0] and not s.streams(s.results[0]):
        s.take_back(before)


class _TimedSketch(Sketch):
    """Keeps the steps apart, where an operator would have another shape."""

    def streams(self, *outputs: str) -> bool:
        """True if a graph with these outputs runs frame by frame, and ordinary inputs leave it finite."""
        try:
            graph = self.finished(*outputs)
            causal(graph)
        except (GraphError, StreamingError):
            return False
        return len(finite_outputs(graph)) == len(outputs)

    def drawn_so_far(self) -> tuple[int, int]:
        """Return how many operators and tensors there are."""
        return len(self._ops), len(self.tensors)

    def take_back(self, before: tuple[int, int]) -> None:
        """Forget the operators and tensors that were added since."""
        ops, tensors = before
        self._ops = self._ops[:ops]
        self.tensors = dict(list(self.tensors.items())[:tensors])

    def window(self, x: str, *, spread: bool = True) -> Window:
        """Draw a window that sees past rows alone."""
        drawn = super().window(x, spread=spread)
        reach = drawn.dilation[0] * (drawn.size[0] - 1)
        return Window(
            size=drawn.size, stride=drawn.stride, dilation=drawn.dilation, pad_before=(reach, drawn.pad_before[1]),
            pad_after=(0, drawn.pad_after[1]), input_dilation=(1, drawn.input_dilation[1]),
        )  # fmt: skip

    def attention_span(self) -> AttentionSpan:
        """Draw how far a query looks back."""
        return AttentionSpan(causal=True, window=super().attention_span().window)

    def cut(self, x: str) -> str:
        """Return x with less of each step, if it is large."""
        return self._per_step(x, self.most_elements // STEPS) if self._is_timed(x, large=True) else super().cut(x)

    def ranked(self, x: str, *ranks: int) -> str:
        """Return x with another number of axes behind that of time."""
        if not self._is_timed(x):
            return super().ranked(x, *ranks)
        chosen = self.one_of(*(rank for rank in ranks if rank > 1), *(0 for _ in ranks[:1] if max(ranks) == 1))
        if chosen == 0:
            raise GraphError(f"{x} has an axis of time, and another")
        if len(self.shape(x)) == chosen:
            return x
        rest, shape = self.tensors[x].size // STEPS, [STEPS]
        for _ in range(chosen - 2):
            shape.append(self.divisor(rest))
            rest //= shape[-1]
        return self.reshape(x, *shape, rest)

    def shaped(self, x: str, *shape: int) -> str:
        """Return each step's elements repeated or cut; a constant where there are no steps in the shape."""
        if not self._is_timed(x):
            return super().shaped(x, *shape)
        if shape[:1] != (STEPS,):
            return self.drawn_constant(x, *shape)
        return self.reshape(self._per_step(x, prod(shape[1:])), *shape)

    def _is_timed(self, x: str, *, large: bool = False) -> bool:
        return self.shape(x)[:1] == (STEPS,) and (not large or self.tensors[x].size > self.most_elements)

    def _per_step(self, x: str, width: int) -> str:
        """Return x as (STEPS, width): the elements of each step repeated or cut."""
        size = self.tensors[x].size // STEPS
        flat = self.reshape(x, STEPS, size)
        if size < width:
            flat = self.concat(1, *[flat] * -(-width // size))
        return self.slice(flat, 1, 0, width) if self.shape(flat)[1] > width else flat
