"""Lowering of functions of one tensor in float32, each on its own; in integers they are `chains`."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import fx

from smidgen.compression.structure import arguments
from smidgen.ir.graph import Attribute, Tensor
from smidgen.lowering.builder import Builder, Rule
from smidgen.lowering.operands import stored

aten = torch.ops.aten

#: A function of the float32 kernels and its scalars.
Step = tuple[str, Mapping[str, float]]

#: Beyond this log(1 + exp(x)) is x in float32.
_SOFTPLUS_LINEAR = 17.0
#: torch's constants of SELU (Klambauer et al. 2017).
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848, 1.0507009873554804934


def add_functions(builder: Builder, node: fx.Node, *steps: Step) -> None:
    """Apply functions to the first argument one after another; the last gives the node's value."""
    x = builder.operand(node.args[0])
    if steps:
        finish(builder, node, applied(builder, node, x, *steps[:-1]), steps[-1])
    else:
        builder.values[node.name] = x.name


def applied(builder: Builder, node: fx.Node, x: Tensor, *steps: Step) -> Tensor:
    """Return functions of x, one applied after another, as a tensor between the nodes of the float program."""
    for function, scalars in steps:
        y = builder.add_tensor(builder.unused(f"{node.name}_{function}"), x.shape, None)
        attrs: dict[str, Attribute] = {"function": function, **scalars}
        builder.add_op(node, "pointwise", [x], y, attrs=attrs, name=builder.op_name(node, f".{function}"))
        x = y
    return x


def finish(builder: Builder, node: fx.Node, x: Tensor, step: Step) -> None:
    """Let a function of x be the node's value."""
    function, scalars = step
    if not builder.is_float:
        raise builder.unsupported(node, "in integers a function of one tensor is a table of what it is computed from")
    builder.add_op(node, "pointwise", [x], builder.output(node), attrs={"function": function, **scalars})


def _scalar(function: str, value: float) -> Step:
    return function, {"scalar": value}


def _always(*functions: str | Step) -> Rule:
    """Return the rule of functions that depend on nothing but x."""
    steps: list[Step] = [(function, {}) if isinstance(function, str) else function for function in functions]
    return lambda builder, node: add_functions(builder, node, *steps)


def _given(steps: Callable[[dict[str, Any]], list[Step]]) -> Rule:
    """Return the rule of functions whose scalars are arguments of the operator."""
    return lambda builder, node: add_functions(builder, node, *steps(arguments(node)))


def _compare(name: str, *then: str) -> Rule:
    return _given(lambda given: [_scalar(name, float(given["other"])), *((function, {}) for function in then)])


def _limits(low: float | None, high: float | None) -> Step:
    """Return a clamp; a limit that is not given is open."""
    largest = float(np.finfo(np.float32).max)
    return "clamp", {
        "low": -largest if low is None else max(float(low), -largest),
        "high": largest if high is None else min(float(high), largest),
    }


def _scaled(function: str, scale: float) -> list[Step]:
    """f(x scale) / scale."""
    return [_scalar("mul_scalar", scale), (function, {}), _scalar("mul_scalar", 1.0 / scale)]


def _softplus(builder: Builder, node: fx.Node) -> None:
    """aten.softplus(x, beta, threshold): log(1 + exp(beta x)) / beta, which float32 calls linear from 17 on."""
    given = arguments(node)
    beta, threshold = float(given["beta"]), float(given["threshold"])
    if threshold < _SOFTPLUS_LINEAR:
        raise builder.unsupported(node, f"softplus with threshold {threshold:g} is not supported; use the default, 20")
    add_functions(builder, node, *(_scaled("softplus", beta) if beta != 1.0 else [("softplus", {})]))


def _elu(alpha: float, scale: float, input_scale: float) -> list[Step]:
    """scale * elu(x), its exponential with `input_scale`."""
    if input_scale == 1.0:
        steps: list[Step] = [("elu", {"alpha": alpha})]
    else:
        inverse = 1.0 / input_scale
        steps = [
            _scalar("mul_scalar", input_scale),
            ("elu", {"alpha": alpha * input_scale}),
            _scalar("mul_scalar", inverse),
        ]
    return [*steps, _scalar("mul_scalar", scale)] if scale != 1.0 else steps


def _power(builder: Builder, node: fx.Node) -> None:
    """aten.pow(x, exponent): roots and small whole exponents; others by logarithm, for positive x."""
    exponent = float(arguments(node)["exponent"])
    if exponent in _POWERS:
        add_functions(builder, node, *((function, {}) for function in _POWERS[exponent]))
    elif exponent == 3.0:
        x = builder.operand(node.args[0])
        builder.add_op(node, "mul", [applied(builder, node, x, ("square", {})), x], builder.output(node))
    elif not exponent.is_integer():
        add_functions(builder, node, ("log", {}), _scalar("mul_scalar", exponent), ("exp", {}))
    else:
        raise builder.unsupported(node, f"the power {exponent:g} is not supported in float32; multiply smaller powers")


_POWERS: Mapping[float, tuple[str, ...]] = {
    1.0: (), 2.0: ("square",), 4.0: ("square", "square"), 8.0: ("square",) * 3, 0.5: ("sqrt",), 0.25: ("sqrt", "sqrt"),
    -0.5: ("rsqrt",), -1.0: ("reciprocal",), -2.0: ("square", "reciprocal"),
}  # fmt: skip


def _exponential(builder: Builder, node: fx.Node) -> None:
    """aten.pow(base, x) of a positive number: exp(x ln base)."""
    base = float(arguments(node)["self"])
    if base <= 0.0:
        raise builder.unsupported(node, f"powers of {base:g} are not supported; the base must be positive")
    x = builder.operand(node.args[1])
    finish(builder, node, applied(builder, node, x, _scalar("mul_scalar", math.log(base))), ("exp", {}))


def _rest(rounding: str) -> Rule:
    """Return the rule of what is left of x after whole multiples of a scalar: x - rounded(x / d) d."""

    def rule(builder: Builder, node: fx.Node) -> None:
        x, divisor = builder.operand(node.args[0]), float(arguments(node).get("other", 1.0))
        steps: tuple[Step, ...] = (_scalar("mul_scalar", 1.0 / divisor), (rounding, {}), _scalar("mul_scalar", divisor))
        builder.add_op(node, "sub", [x, applied(builder, node, x, *steps)], builder.output(node))

    return rule


def _threshold(builder: Builder, node: fx.Node) -> None:
    """aten.threshold(x, limit, value): x where it is above the limit, else the value."""
    given, x = arguments(node), builder.operand(node.args[0])
    above = applied(builder, node, x, _scalar("gt_scalar", float(given["threshold"])))
    value = stored(builder, node, np.asarray(float(given["value"])), 1)
    builder.add_op(node, "select", [above, x, value], builder.output(node))


def _to_copy(builder: Builder, node: fx.Node) -> None:
    """aten._to_copy(x, dtype): real numbers of any width are float32; truth values are 1.0 and 0.0 already; whole
    numbers are real ones without their fractions.
    """
    source = node.args[0]
    assert isinstance(source, fx.Node)
    to, of = node.meta["val"].dtype, source.meta["val"].dtype
    if to == torch.bool:
        raise builder.unsupported(node, "a conversion to truth values is not supported in float32; compare with 0")
    cut = of.is_floating_point and not to.is_floating_point
    add_functions(builder, node, *([("trunc", {})] if cut else []))


RULES: Mapping[object, Rule] = {
    **{getattr(aten, name).default: _always(name) for name in (
        "relu", "sigmoid", "tanh", "silu", "exp", "expm1", "log", "log1p", "sin", "cos", "erf", "mish", "floor",
        "round", "trunc", "neg", "abs", "sign", "square", "sqrt", "rsqrt", "reciprocal", "hardsigmoid", "hardswish",
        "logical_not",
    )},
    aten.bitwise_not.default: _always("logical_not"),
    aten.ceil.default: _always("neg", "floor", "neg"),
    aten.exp2.default: _always(_scalar("mul_scalar", math.log(2.0)), "exp"),
    aten.log2.default: _always("log", _scalar("mul_scalar", 1.0 / math.log(2.0))),
    aten.log10.default: _always("log", _scalar("mul_scalar", 1.0 / math.log(10.0))),
    aten.log_sigmoid.default: _always("neg", "softplus", "neg"),
    aten.relu6.default: _always(_limits(0.0, 6.0)),
    aten.selu.default: _always(*_elu(_SELU_ALPHA, _SELU_SCALE, 1.0)),
    aten.gelu.default: _given(
        lambda given: [("gelu_tanh" if given["approximate"] == "tanh" else "gelu", {})]
    ),
    aten.clamp.default: _given(lambda given: [_limits(given["min"], given["max"])]),
    aten.clamp_min.default: _given(lambda given: [_limits(given["min"], None)]),
    aten.clamp_max.default: _given(lambda given: [_limits(None, given["max"])]),
    aten.hardtanh.default: _given(lambda given: [_limits(given["min_val"], given["max_val"])]),
    aten.leaky_relu.default: _given(lambda given: [("leaky_relu", {"slope": float(given["negative_slope"])})]),
    aten.rrelu.default: _given(
        lambda given: [("leaky_relu", {"slope": (float(given["lower"]) + float(given["upper"])) / 2})]
    ),
    aten.elu.default: _given(
        lambda given: _elu(float(given["alpha"]), float(given["scale"]), float(given["input_scale"]))
    ),
    aten.celu.default: _given(lambda given: _elu(float(given["alpha"]), 1.0, 1.0 / float(given["alpha"]))),
    aten.pow.Scalar: _exponential,
    aten.eq.Scalar: _compare("eq_scalar"), aten.ne.Scalar: _compare("ne_scalar"),
    aten.lt.Scalar: _compare("lt_scalar"), aten.ge.Scalar: _compare("lt_scalar", "logical_not"),
    aten.gt.Scalar: _compare("gt_scalar"), aten.le.Scalar: _compare("gt_scalar", "logical_not"),
    aten.floor_divide.default: _given(
        lambda given: [_scalar("mul_scalar", 1.0 / float(given["other"])), ("floor", {})]
    ),
    aten.remainder.Scalar: _rest("floor"), aten.fmod.Scalar: _rest("trunc"), aten.frac.default: _rest("trunc"),
    aten.softplus.default: _softplus, aten.pow.Tensor_Scalar: _power, aten.threshold.default: _threshold,
    aten._to_copy.default: _to_copy,
}  # fmt: skip
