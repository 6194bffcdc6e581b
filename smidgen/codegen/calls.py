"""One C call an operator: which kernel, with which arguments.

Sizes are literals, so the compiler specialises each call.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smidgen.codegen.c_text import BITS, floating, signed, signed64, unsigned
from smidgen.codegen.weights import Constants
from smidgen.errors import GraphError
from smidgen.ir.graph import DTYPE_BYTES, Graph, Op, Tensor
from smidgen.passes.memory import MemoryPlan

_TYPED = {"int8": "s8", "int16": "s16", "int32": "s32", "float32": "f32"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Statements of one operator and the kernel file they need."""

    kernel: str
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where an op stands: its operands, result and constants as C expressions."""

    graph: Graph
    plan: MemoryPlan
    constants: Constants
    op: Op

    @property
    def x(self) -> tuple[Tensor, ...]:
        """Input tensors."""
        return self.graph.operands(self.op)

    @property
    def y(self) -> Tensor:
        """Output tensor."""
        return self.graph[self.op.output]

    def at(self, tensor: Tensor) -> str:
        """Return the expression for a tensor's address."""
        placement = self.plan.placements[tensor.name]
        if placement.region == "arena":
            return f"arena_{_TYPED[tensor.dtype]}(arena, {placement.offset}U)"
        if placement.region == "constant":
            assert tensor.data is not None
            return self.constants.symbol(tensor.data)
        if placement.offset:
            return f"&{placement.region}[{placement.offset // DTYPE_BYTES[tensor.dtype]}]"
        return placement.region

    def scratch(self, dtype: str) -> str:
        """Return the expression for the op's scratch memory."""
        return f"arena_{_TYPED[dtype]}(arena, {self.plan.scratch[self.op.name]}U)"

    def param(self, role: str) -> str:
        """Return the C name of a constant array."""
        return self.constants.symbol(self.op.params[role])

    def integer(self, key: str) -> int:
        """Return an integer attribute."""
        return int(self.op.attrs[key])  # type: ignore[arg-type]

    def signed(self, *keys: str) -> list[str]:
        """Return attributes as signed literals."""
        return [signed(self.integer(key)) for key in keys]

    def zero_points(self) -> list[str]:
        """Return the zero points of the inputs and the output as literals."""
        return [signed(tensor.zero_point) for tensor in (*self.x, self.y)]


_Emitter = Callable[[Site], Call]


def call_for(site: Site) -> Call:
    """Return the C of one op; a view of bytes that already stand in place has no statements."""
    if site.op.name in site.plan.views:
        return Call(kernel="memory", statements=())
    is_float = any(tensor.is_float for tensor in site.x)
    table = _FLOAT if is_float and site.op.kind in _FLOAT else _INTEGER
    if site.op.kind not in table:
        raise GraphError(f"{site.op.name}: {site.op.kind} has no C kernel for {site.x[0].dtype}")
    return table[site.op.kind](site)


def _call(kernel: str, function: str, arguments: Sequence[str]) -> Call:
    return Call(kernel=kernel, statements=(f"{function}({', '.join(arguments)});",))


def _bits(*tensors: Tensor) -> list[str]:
    return [unsigned(BITS[tensor.dtype]) for tensor in tensors]


def _sizes(*sizes: int) -> list[str]:
    return [unsigned(size) for size in sizes]


def _rows(tensor: Tensor) -> int:
    return tensor.size // tensor.shape[-1]


# ---- integers --------------------------------------------------------------------------------------------------------


def _linear(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.param("weight"), site.param("bias"), site.param("multiplier"), site.at(y),
        *_sizes(_rows(x), x.shape[-1], y.shape[-1]), *_bits(x, y), *site.signed("shift"), signed(y.zero_point),
    ]  # fmt: skip
    return _call("linear", "linear_q", arguments)


def _conv1d_sizes(site: Site) -> list[str]:
    x, y = site.x[0], site.y
    return [
        *_sizes(*x.shape, *y.shape, site.op.params["weight"].shape[2]),
        *_sizes(*(site.integer(key) for key in ("pad_left", "stride", "dilation", "groups"))),
    ]


def _conv1d(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.param("weight"), site.param("bias"), site.param("multiplier"), site.at(y),
        *_conv1d_sizes(site), *_bits(x, y), signed(x.zero_point), *site.signed("shift"), signed(y.zero_point),
    ]  # fmt: skip
    return _call("conv1d", "conv1d_q", arguments)


def _table(site: Site) -> Call:
    x, y = site.x[0], site.y
    function = "table_s8" if x.dtype == "int8" else "table_s16"
    return _call("table", function, [site.at(x), site.param("table"), site.at(y), *_sizes(x.size), *_bits(y)])


def _add(site: Site) -> Call:
    (a, b), y = site.x, site.y
    arguments = [
        site.at(a), site.at(b), site.at(y), *_sizes(y.size), *_bits(a, b, y),
        *site.signed("multiplier_a", "multiplier_b"), signed64(site.integer("offset")), *site.signed("shift"),
    ]  # fmt: skip
    return _call("elementwise", "add_q", arguments)


def _mul(site: Site) -> Call:
    (a, b), y = site.x, site.y
    arguments = [
        site.at(a), site.at(b), site.at(y), *_sizes(y.size), *_bits(a, b, y), *site.zero_points(),
        *site.signed("multiplier", "shift"),
    ]  # fmt: skip
    return _call("elementwise", "mul_q", arguments)


def _rescale(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.at(y), *_sizes(y.size), *_bits(x, y), *site.zero_points(), *site.signed("multiplier", "shift")
    ]  # fmt: skip
    return _call("elementwise", "rescale_q", arguments)


def _norm(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.param("gain"), site.param("bias"), site.at(y), *_sizes(_rows(x), x.shape[-1]), *_bits(x, y),
        signed(x.zero_point), *site.signed("gain_shift", "fraction_bits"), signed64(site.integer("epsilon")),
        *site.signed("mean_multiplier", "mean_shift"),
    ]  # fmt: skip
    return _call("norm", "norm_q", arguments)


def _attention_sizes(site: Site) -> list[str]:
    (steps_q, heads, width), steps_k = site.x[0].shape, site.x[1].shape[0]
    return _sizes(steps_q, steps_k, heads, width)


def _attention(site: Site) -> Call:
    q, k, v = site.x
    arguments = [
        site.at(q), site.at(k), site.at(v), site.at(site.y), site.scratch("int32"), *_attention_sizes(site),
        unsigned(bool(site.op.attrs["causal"])), *_bits(q, k, v, site.y),
        *site.signed(
            "score_prescale", "score_multiplier", "score_shift", "score_limit", "value_shift", "output_multiplier",
            "output_shift",
        ),
        signed(site.y.zero_point),
    ]  # fmt: skip
    return _call("attention", "attention_q", arguments)


def _scan(site: Site) -> Call:
    u, delta, B, C = site.x
    arguments = [
        site.at(u), site.at(delta), site.at(B), site.at(C),
        *(site.param(f"{role}_multiplier") for role in ("decay", "drive", "output", "skip")),
        site.at(site.y), site.scratch("int32"), *_sizes(*u.shape, B.shape[1]), *_bits(u, site.y),
        *site.signed("decay_shift", "drive_shift", "output_shift", "state_limit"), signed(site.y.zero_point),
    ]  # fmt: skip
    return _call("selective_scan", "selective_scan_q", arguments)


def _gru(site: Site) -> Call:
    arguments = [
        site.at(site.x[0]), *(site.param(role) for role in ("weight", "bias", "multiplier", "sigmoid", "tanh")),
        site.at(site.y), site.scratch("int32"), *_sizes(*site.y.shape), *site.signed("input_multiplier", "shift"),
    ]  # fmt: skip
    return _call("gru", "gru_q", arguments)


def _reduced_sizes(site: Site) -> list[str]:
    shape, axis = site.x[0].shape, site.integer("axis")
    return _sizes(math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))


def _mean(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.at(y), *_reduced_sizes(site), *_bits(x, y), *site.zero_points(),
        *site.signed("multiplier", "shift"),
    ]  # fmt: skip
    return _call("reduce", "mean_q", arguments)


def _argmax(site: Site) -> Call:
    x = site.x[0]
    return _call("reduce", "argmax_q", [site.at(x), site.at(site.y), *_reduced_sizes(site), *_bits(x)])


# ---- layout, any type ------------------------------------------------------------------------------------------------


def _reshape(site: Site) -> Call:
    x = site.x[0]
    return _copy_blocks(site, x, outer=1, count=x.size, x_start=0, x_stride=0, y_start=0, y_stride=0)


def _slice(site: Site) -> Call:
    x, axis, start = site.x[0], site.integer("axis"), site.integer("start")
    inner = math.prod(x.shape[axis + 1 :])
    count = (site.integer("stop") - start) * inner
    outer = math.prod(x.shape[:axis])
    return _copy_blocks(
        site, x, outer=outer, count=count,
        x_start=start * inner, x_stride=x.shape[axis] * inner, y_start=0, y_stride=count,
    )  # fmt: skip


def _concat(site: Site) -> Call:
    axis, start = site.integer("axis"), 0
    statements: list[str] = []
    inner = math.prod(site.y.shape[axis + 1 :])
    for x in site.x:
        count = x.shape[axis] * inner
        statements += _copy_blocks(
            site, x, outer=math.prod(x.shape[:axis]), count=count,
            x_start=0, x_stride=count, y_start=start, y_stride=site.y.shape[axis] * inner,
        ).statements  # fmt: skip
        start += count
    return Call(kernel="layout", statements=tuple(statements))


def _copy_blocks(site: Site, x: Tensor, **sizes: int) -> Call:
    arguments = [site.at(x), site.at(site.y), *_sizes(*sizes.values(), DTYPE_BYTES[x.dtype])]
    return _call("layout", "copy_blocks", arguments)


def _transpose(site: Site) -> Call:
    x, permutation = site.x[0], site.op.attrs["permutation"]
    assert isinstance(permutation, tuple)
    if len(permutation) > 3:
        raise GraphError(
            f"{site.op.name}: a transpose of {len(permutation)} axes has no kernel; at most 3 are supported"
        )
    strides = [math.prod(x.shape[axis + 1 :]) for axis in range(len(x.shape))]
    lead = 3 - len(permutation)
    sizes = [1] * lead + list(site.y.shape)
    moved = [0] * lead + [strides[axis] for axis in permutation]
    arguments = [site.at(x), site.at(site.y), *_sizes(*sizes, *moved, DTYPE_BYTES[x.dtype])]
    return _call("layout", "transpose_3d", arguments)


_INTEGER: Mapping[str, _Emitter] = {
    "linear": _linear, "conv1d": _conv1d, "table": _table, "add": _add, "mul": _mul, "rescale": _rescale,
    "rms_norm": _norm, "layer_norm": _norm, "attention": _attention, "selective_scan": _scan, "gru": _gru,
    "mean": _mean, "argmax": _argmax,
    "reshape": _reshape, "slice": _slice, "concat": _concat, "transpose": _transpose,
}  # fmt: skip

# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_linear(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.param("weight"), site.param("bias"), site.at(y), *_sizes(_rows(x), x.shape[-1], y.shape[-1])
    ]  # fmt: skip
    return _call("linear_f32", "linear_f32", arguments)


def _float_conv1d(site: Site) -> Call:
    arguments = [
        site.at(site.x[0]), site.param("weight"), site.param("bias"), site.at(site.y), *_conv1d_sizes(site)
    ]  # fmt: skip
    return _call("conv1d_f32", "conv1d_f32", arguments)


def _float_pointwise(site: Site) -> Call:
    attrs: dict[str, Any] = dict(site.op.attrs)
    function = attrs.pop("function")
    scalars = [floating(attrs[key]) for key in ("scalar", "low", "high") if key in attrs]
    arguments = [site.at(site.x[0]), site.at(site.y), *_sizes(site.y.size), *scalars]
    return _call("pointwise_f32", f"{function}_f32", arguments)


def _float_elementwise(site: Site) -> Call:
    arguments = [*(site.at(x) for x in site.x), site.at(site.y), *_sizes(site.y.size)]
    return _call("elementwise_f32", f"{site.op.kind}_f32", arguments)


def _float_norm(site: Site) -> Call:
    x = site.x[0]
    arrays = [site.param(role) for role in ("gain", "bias") if role in site.op.params]
    eps = floating(float(site.op.attrs["eps"]))  # type: ignore[arg-type]
    arguments = [site.at(x), *arrays, site.at(site.y), *_sizes(_rows(x), x.shape[-1]), eps]
    return _call("norm_f32", f"{site.op.kind}_f32", arguments)


def _float_attention(site: Site) -> Call:
    scale = floating(float(site.op.attrs["scale"]))  # type: ignore[arg-type]
    arguments = [
        *(site.at(x) for x in site.x), site.at(site.y), site.scratch("float32"), *_attention_sizes(site),
        scale, unsigned(bool(site.op.attrs["causal"])),
    ]  # fmt: skip
    return _call("attention_f32", "attention_f32", arguments)


def _float_scan(site: Site) -> Call:
    u, _, B, _ = site.x
    arguments = [
        *(site.at(x) for x in site.x), site.param("A"), site.param("D"), site.at(site.y), site.scratch("float32"),
        *_sizes(*u.shape, B.shape[1]),
    ]  # fmt: skip
    return _call("selective_scan_f32", "selective_scan_f32", arguments)


def _float_gru(site: Site) -> Call:
    arguments = [
        site.at(site.x[0]), site.param("weight"), site.param("bias"), site.at(site.y), site.scratch("float32"),
        *_sizes(*site.y.shape),
    ]  # fmt: skip
    return _call("gru_f32", "gru_f32", arguments)


def _float_reduce(site: Site) -> Call:
    arguments = [site.at(site.x[0]), site.at(site.y), *_reduced_sizes(site)]
    return _call("reduce_f32", f"{site.op.kind}_f32", arguments)


_FLOAT: Mapping[str, _Emitter] = {
    "linear": _float_linear, "conv1d": _float_conv1d, "pointwise": _float_pointwise, "select": _float_elementwise,
    "add": _float_elementwise, "sub": _float_elementwise, "mul": _float_elementwise, "div": _float_elementwise,
    "rms_norm": _float_norm, "layer_norm": _float_norm, "attention": _float_attention, "selective_scan": _float_scan,
    "gru": _float_gru, "mean": _float_reduce, "argmax": _float_reduce,
}  # fmt: skip
