"""What tests draw: integer tensors with their extremes, quantisation parameters, graphs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from smidgen.ir.walk import broadcast_steps
from smidgen.numerics.attention_span import AttentionSpan
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.quantization import QParams
from smidgen.numerics.window import Window

Integers = NDArray[np.int64]

int32s = st.integers(-(2**31), 2**31 - 1) | st.sampled_from([-(2**31), 2**31 - 1, -1, 0, 1])
multipliers = st.integers(0, 2**31 - 1) | st.sampled_from([0, 1, 2**30, 2**31 - 1])
shifts = st.integers(-30, 31)
activation_types = st.sampled_from(["int8", "int16"])
attention_spans = st.builds(
    AttentionSpan, causal=st.booleans(), window=st.sampled_from([0, 0, 1, 2, 5]), offset=st.sampled_from([0, 0, 1, 7])
)


@st.composite
def tensors(draw: st.DrawFn, dtype: str, *shape: int) -> Integers:
    """Legal activations: evenly spread, near zero, only the two ends, or all alike."""
    low, high = integer_range(dtype)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    match draw(st.sampled_from(["spread", "small", "ends", "constant"])):
        case "spread":
            return random.integers(low, high + 1, shape)
        case "small":
            return random.integers(-3, 4, shape)
        case "ends":
            return random.choice([low, high], shape)
    return np.full(shape, draw(st.sampled_from([low, -1, 0, 1, high])))


@st.composite
def qparams(draw: st.DrawFn, dtype: str, *, symmetric: bool = False, low: float = -12.0, high: float = 6.0) -> QParams:
    """Quantisation parameters with a scale of 2**low to 2**high."""
    zero_point = 0 if symmetric or dtype == "int16" else draw(st.integers(-128, 127))
    return QParams(dtype=dtype, scale=2.0 ** draw(st.floats(low, high)), zero_point=zero_point)


@st.composite
def weights(draw: st.DrawFn, *shape: int) -> Integers:
    """int8 weights in -127..127, evenly spread or only the two ends."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return random.choice([-127, 127], shape) if draw(st.booleans()) else random.integers(-127, 128, shape)


@st.composite
def attention_biases(
    draw: st.DrawFn, span: AttentionSpan, heads: int, queries: int, keys: int
) -> NDArray[np.float64] | None:
    """Return no bias, or one by distance or by pair, of one head or all: small, large, with hidden pairs or rows."""
    form = draw(st.sampled_from(["none", "distance", "pair"]))
    if form == "none":
        return None
    distances = span.bias_columns(queries, keys) + (draw(st.integers(0, 2)) if span.causal else 0)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pairs = (distances,) if form == "distance" else (queries, keys)
    bias = random.normal(size=(draw(st.sampled_from([1, heads])), *pairs)) * 10.0 ** draw(st.integers(-3, 2))
    bias[random.random(bias.shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = -np.inf
    return bias


def zero_point_of(draw: st.DrawFn, dtype: str) -> int:
    """Return a legal zero point."""
    return draw(st.integers(-128, 127)) if dtype == "int8" else 0


def accumulator_constants(draw: st.DrawFn, out_width: int) -> tuple[Integers, Integers]:
    """Return bias and multiplier by channel, up to their ends; the bias leaves room for the products of the tests."""
    bias = [draw(st.integers(-(2**30), 2**30)) for _ in range(out_width)]
    return np.array(bias), np.array([draw(multipliers) for _ in range(out_width)])


@st.composite
def float_tensors(draw: st.DrawFn, *shape: int) -> NDArray[np.float32]:
    """Finite float32 tensors: around one, at one magnitude, or of every magnitude at once, subnormals included."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    match draw(st.sampled_from(["ordinary", "scaled", "any bits", "special"])):
        case "ordinary":
            return random.normal(size=shape).astype(np.float32)
        case "scaled":
            return (random.normal(size=shape) * 10.0 ** draw(st.integers(-42, 37))).astype(np.float32)
        case "any bits":
            values = random.integers(0, 2**32, size=shape, dtype=np.uint32).view(np.float32)
            return np.where(np.isfinite(values), values, np.float32(0.0))
    tiny, huge = np.finfo(np.float32).smallest_subnormal, np.finfo(np.float32).max
    return random.choice(np.array([0.0, -0.0, 1.0, -1.0, 0.5, tiny, -tiny, huge, -huge], np.float32), size=shape)


@st.composite
def windows(draw: st.DrawFn, size: Sequence[int], *, spread: bool = True) -> Window:
    """Windows that reach no further than an image of `size`, each with an element inside; one column stays one."""
    values = []
    for axis, length in enumerate(size):
        if axis == 1 and length == 1:
            values.append((1, 1, 1, 0, 0, 1))
            continue
        taps = draw(st.integers(1, min(3, length)))
        dilation = draw(st.integers(1, (length - 1) // (taps - 1))) if taps > 1 else 1
        pads = [draw(st.integers(0, min(2, dilation * (taps - 1)))) for _ in range(2)]
        values.append((taps, draw(st.integers(1, 3)), dilation, *pads, draw(st.integers(1, 2)) if spread else 1))
    names = ("size", "stride", "dilation", "pad_before", "pad_after", "input_dilation")
    return Window(**dict(zip(names, zip(*values, strict=True), strict=True)))


@dataclass(frozen=True)
class Walk:
    """Operands of four axes that are broadcast to one shape, and how a kernel walks over them."""

    operands: tuple[tuple[int, ...], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The result's shape."""
        return np.broadcast_shapes(*self.operands)

    @property
    def arguments(self) -> list[int]:
        """The result's sizes, then the steps of each operand."""
        return [*self.shape, *(step for shape in self.operands for step in broadcast_steps(shape, self.shape))]


@st.composite
def walks(draw: st.DrawFn, operands: int = 2) -> Walk:
    """Shapes that go together, each operand repeated along any axes; often all equal."""
    whole = draw(st.tuples(*[st.integers(1, 4)] * 4))
    if draw(st.booleans()):
        return Walk((whole,) * operands)
    repeated = [draw(st.tuples(*[st.booleans()] * 4)) for _ in range(operands)]
    return Walk(tuple(tuple(1 if r else n for r, n in zip(mask, whole, strict=True)) for mask in repeated))
