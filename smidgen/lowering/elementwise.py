"""Lowering of pointwise operators: sums and products of two tensors, and in float32 every function on its own.

In integers, functions of one tensor are `chains`.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import fx

from smidgen.compression.structure import arguments
from smidgen.ir.graph import Attribute, Tensor
from smidgen.ir.spec import integer_attributes
from smidgen.lowering.builder import Builder, Floats, Rule
from smidgen.numerics.elementwise import add_parameters
from smidgen.numerics.fixed_point import fixed_point
from smidgen.numerics.quantization import qparams_for_range

aten = torch.ops.aten

#: Beyond this log(1 + exp(x)) is x in float32.
_SOFTPLUS_LINEAR = 17.0


# ---- two operands ----------------------------------------------------------------------------------------------------


def add(builder: Builder, node: fx.Node) -> None:
    """Sum of two tensors, one of which may be a constant (learned positions)."""
    _sum(builder, node, "add", 1.0)


def sub(builder: Builder, node: fx.Node) -> None:
    """Difference of two tensors, one of which may be a constant (the mean of a normalised input)."""
    _sum(builder, node, "sub", -1.0)


def _sum(builder: Builder, node: fx.Node, kind: str, factor: float) -> None:
    """Add a + factor * b: in integers a difference is a sum with a negative multiplier."""
    given = arguments(node)
    if given["alpha"] != 1 and isinstance(given["other"], fx.Node):
        raise builder.unsupported(node, "alpha other than 1 is not supported; multiply the operand first")
    if builder.is_float:
        _float_binary(builder, node, kind)
        return
    a, b, y = *_operands(builder, node), builder.output(node)
    first, second, total = builder.quantization(node, a, b, y)
    parameters = builder.integers(node, lambda: add_parameters(first, second, total, factor=factor))
    builder.add_op(node, "add", [a, b], y, attrs=integer_attributes(parameters))


def mul(builder: Builder, node: fx.Node) -> None:
    """Product of two tensors."""
    if builder.is_float:
        _float_binary(builder, node, "mul")
        return
    _integer_product(builder, node, *_operands(builder, node))


def div(builder: Builder, node: fx.Node) -> None:
    """Quotient of two tensors; in integers the divisor must be constant and is its reciprocal."""
    if builder.is_float:
        _float_binary(builder, node, "div")
        return
    divisor = builder.constant(node.args[1])
    if divisor is None:
        raise builder.unsupported(node, "in integers the divisor must be a constant; multiply by a bounded function")
    _integer_product(builder, node, builder.operand(node.args[0]), _constant_operand(builder, node, 1, 1.0 / divisor))


def _integer_product(builder: Builder, node: fx.Node, a: Tensor, b: Tensor) -> None:
    _require_one_shape(builder, node, a, b)
    y = builder.output(node)
    first, second, product = builder.quantization(node, a, b, y)
    scale = first.scale * second.scale / product.scale
    multiplier, shift = builder.integers(node, lambda: fixed_point(scale, "mul: ratio of scales"))
    builder.add_op(node, "mul", [a, b], y, attrs={"multiplier": int(multiplier[0]), "shift": shift})


def _operands(builder: Builder, node: fx.Node) -> tuple[Tensor, Tensor]:
    operands = []
    for position, argument in enumerate(node.args[:2]):
        data = builder.constant(argument)
        tensor = builder.operand(argument) if data is None else _constant_operand(builder, node, position, data)
        operands.append(tensor)
    a, b = operands
    _require_one_shape(builder, node, a, b)
    return a, b


def _require_one_shape(builder: Builder, node: fx.Node, a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        raise builder.unsupported(node, f"operands of shapes {a.shape} and {b.shape} differ; expand them to one shape")


def _constant_operand(builder: Builder, node: fx.Node, position: int, data: Floats) -> Tensor:
    shape = builder.shape(node)
    try:
        full = np.broadcast_to(data[0] if data.ndim == len(shape) + 1 else data, shape)
    except ValueError as error:
        raise builder.unsupported(node, f"a constant of shape {data.shape} does not fit {shape}") from error
    name = f"{node.name}_constant_{position}"
    result = builder.qparams(node)
    if result is None:
        return builder.add_tensor(name, shape, None, data=np.ascontiguousarray(full, np.float32))
    qparams = qparams_for_range(float(full.min()), float(full.max()), result.dtype, symmetric=True)
    return builder.add_tensor(name, shape, qparams, data=qparams.quantize(full).astype(result.dtype))


# ---- float32: every step on its own ----------------------------------------------------------------------------------


#: A function of the float32 kernels and its scalars.
_Step = tuple[str, Mapping[str, float]]


def _float_binary(builder: Builder, node: fx.Node, kind: str) -> None:
    given = arguments(node)
    if isinstance(given["other"], fx.Node):
        _add_float_op(builder, node, kind, _operands(builder, node))
        return
    function, scalar = _SCALAR_FORMS[kind](float(given["other"]) * float(given.get("alpha", 1)))
    _float_functions(builder, node, (function, {"scalar": scalar}))


_SCALAR_FORMS: Mapping[str, Callable[[float], tuple[str, float]]] = {
    "add": lambda scalar: ("add_scalar", scalar),
    "sub": lambda scalar: ("add_scalar", -scalar),
    "mul": lambda scalar: ("mul_scalar", scalar),
    "div": lambda scalar: ("mul_scalar", 1.0 / scalar),
}


def _float_functions(builder: Builder, node: fx.Node, *steps: _Step) -> None:
    """Apply functions one after another; the last gives the node's value."""
    x, name = builder.operand(node.args[0]), builder.op_name(node)
    for index, (function, scalars) in enumerate(steps):
        last = index == len(steps) - 1
        y = builder.output(node) if last else builder.add_tensor(f"{node.name}_{function}", x.shape, None)
        attrs: dict[str, Attribute] = {"function": function, **scalars}
        builder.add_op(node, "pointwise", [x], y, attrs=attrs, name=name if last else f"{name}.{function}")
        x = y


def _add_float_op(
    builder: Builder,
    node: fx.Node,
    kind: str,
    operands: Sequence[Tensor],
    attrs: Mapping[str, Attribute] | None = None,
) -> None:
    if not builder.is_float:
        raise builder.unsupported(node, "of functions of two tensors, only sums and products have an integer form")
    builder.add_op(node, kind, operands, builder.output(node), attrs=attrs)


def _function(name: str) -> Rule:
    return lambda builder, node: _float_functions(builder, node, (name, {}))


def _binary(kind: str) -> Rule:
    return lambda builder, node: _float_binary(builder, node, kind)


def _compare(name: str, *then: str) -> Rule:
    def rule(builder: Builder, node: fx.Node) -> None:
        scalar = float(arguments(node)["other"])
        _float_functions(builder, node, (name, {"scalar": scalar}), *((function, {}) for function in then))

    return rule


def _gelu(builder: Builder, node: fx.Node) -> None:
    name = "gelu_tanh" if arguments(node)["approximate"] == "tanh" else "gelu"
    _float_functions(builder, node, (name, {}))


def _clamp(low_key: str, high_key: str) -> Rule:
    """Return the rule of a clamp whose limits are arguments of these names; a limit that is not given is open."""

    def rule(builder: Builder, node: fx.Node) -> None:
        given, largest = arguments(node), float(np.finfo(np.float32).max)
        low, high = given.get(low_key), given.get(high_key)
        limits = {
            "low": -largest if low is None else max(float(low), -largest),
            "high": largest if high is None else min(float(high), largest),
        }
        _float_functions(builder, node, ("clamp", limits))

    return rule


def _rsub(builder: Builder, node: fx.Node) -> None:
    """aten.rsub(x, scalar, alpha): scalar - alpha * x."""
    given = arguments(node)
    _float_functions(
        builder,
        node,
        ("mul_scalar", {"scalar": -float(given["alpha"])}),
        ("add_scalar", {"scalar": float(given["other"])}),
    )


def _reciprocal(builder: Builder, node: fx.Node) -> None:
    one = _constant_operand(builder, node, 0, np.ones(()))
    _add_float_op(builder, node, "div", [one, builder.operand(node.args[0])])


def _to_copy(builder: Builder, node: fx.Node) -> None:
    """aten._to_copy(x, dtype): truth values are numbers already, 1.0 and 0.0."""
    dtypes = {source.meta["val"].dtype for source in node.all_input_nodes}
    if node.meta["val"].dtype != torch.float32 or not dtypes <= {torch.bool, torch.float32}:
        raise builder.unsupported(node, f"a conversion to {node.meta['val'].dtype} is not supported; stay in float32")
    builder.values[node.name] = builder.operand(node.args[0]).name


def _softplus(builder: Builder, node: fx.Node) -> None:
    """aten.softplus(x, beta, threshold): log(1 + exp(beta x)) / beta, which float32 calls linear from 17 on."""
    given = arguments(node)
    beta, threshold = float(given["beta"]), float(given["threshold"])
    if threshold < _SOFTPLUS_LINEAR:
        raise builder.unsupported(node, f"softplus with threshold {threshold:g} is not supported; use the default, 20")
    scaled: list[_Step] = [("softplus", {})]
    if beta != 1.0:
        scaled = [("mul_scalar", {"scalar": beta}), *scaled, ("mul_scalar", {"scalar": 1.0 / beta})]
    _float_functions(builder, node, *scaled)


def _where(builder: Builder, node: fx.Node) -> None:
    given = arguments(node)
    branches = []
    for position, key in enumerate(("self", "other"), start=1):
        branch = given[key]
        if isinstance(branch, fx.Node) and branch.name not in builder.program.constants:
            branches.append(builder.operand(branch))
        else:
            data = builder.constant(branch)
            value = np.asarray(branch, np.float64) if data is None else data
            branches.append(_constant_operand(builder, node, position, value))
    _add_float_op(builder, node, "select", [builder.operand(given["condition"]), *branches])


RULES: Mapping[object, Rule] = {
    aten.add.Tensor: add, aten.add.Scalar: _binary("add"),
    aten.mul.Tensor: mul, aten.mul.Scalar: _binary("mul"),
    aten.sub.Tensor: sub, aten.sub.Scalar: _binary("sub"), aten.rsub.Scalar: _rsub,
    aten.div.Tensor: div, aten.div.Scalar: _binary("div"), aten.reciprocal.default: _reciprocal,
    aten.relu.default: _function("relu"), aten.sigmoid.default: _function("sigmoid"),
    aten.tanh.default: _function("tanh"), aten.silu.default: _function("silu"),
    aten.exp.default: _function("exp"), aten.neg.default: _function("neg"), aten.abs.default: _function("abs"),
    aten.logical_not.default: _function("logical_not"), aten.gelu.default: _gelu, aten.softplus.default: _softplus,
    aten.clamp.default: _clamp("min", "max"), aten.clamp_min.default: _clamp("min", ""),
    aten.clamp_max.default: _clamp("", "max"), aten.hardtanh.default: _clamp("min_val", "max_val"),
    aten.relu6.default: lambda builder, node: _float_functions(builder, node, ("clamp", {"low": 0.0, "high": 6.0})),
    aten.eq.Scalar: _compare("eq_scalar"), aten.ne.Scalar: _compare("ne_scalar"),
    aten.lt.Scalar: _compare("lt_scalar"), aten.ge.Scalar: _compare("lt_scalar", "logical_not"),
    aten.gt.Scalar: _compare("gt_scalar"), aten.le.Scalar: _compare("gt_scalar", "logical_not"),
    aten._to_copy.default: _to_copy,
    aten.where.self: _where, aten.where.Scalar: _where, aten.where.ScalarOther: _where, aten.where.ScalarSelf: _where,
}  # fmt: skip
