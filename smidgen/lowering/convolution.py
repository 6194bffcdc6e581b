"""Lowering of convolutions, plain and transposed, over one axis or two, computed with channels last."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import fx

from smidgen.compression.structure import arguments
from smidgen.compression.transposed_weight import correlation_weight
from smidgen.lowering.builder import Builder, Floats, Rule
from smidgen.lowering.channels import channels_first, channels_last, last_result
from smidgen.lowering.projections import accumulate, weight_and_bias
from smidgen.lowering.sliding import per_axis, window_attributes

aten = torch.ops.aten


#: Stride, dilation, padding and distance of the inputs, one number for each spatial axis.
_Window = Mapping[str, Sequence[int]]


def _convolve(
    builder: Builder, node: fx.Node, weight: Floats, bias: Floats | None, window: _Window, groups: int
) -> None:
    """Append one op for weight (o, c / groups, *taps) in PyTorch's order."""
    spatial = weight.ndim - 2
    if spatial > 2:
        raise builder.unsupported(node, f"a convolution over {spatial} axes is not supported; at most 2 are")
    x, name = builder.operand(node.args[0]), builder.op_name(node)
    taps_last = weight.transpose(0, *range(2, weight.ndim), 1)
    if spatial == 1:
        taps_last = taps_last[:, None] if len(x.shape) == 3 else taps_last[:, :, None]
    x_last, y = channels_last(builder, node, x, name, spatial=spatial), builder.output(node)
    y_last = last_result(builder, y, name, spatial=spatial)
    params, attrs = accumulate(builder, node, x, y, np.ascontiguousarray(taps_last), bias)
    geometry = {**window_attributes(window, x.shape), "groups": groups}
    builder.add_op(node, "conv2d", [x_last], y_last, params, {**attrs, **geometry}, name=name)
    channels_first(builder, node, y_last, y, name, spatial=spatial)


def _plain(builder: Builder, node: fx.Node, weight: Floats, bias: Floats | None, given: Mapping[str, Any]) -> None:
    """Over one axis or two, any stride, dilation and groups, padded by numbers, "same" or "valid"."""
    spatial = weight.ndim - 2
    stride, dilation = (per_axis(given[key], spatial) for key in ("stride", "dilation"))
    if given["padding"] == "same":
        # As PyTorch: where the total is odd, the end has one more.
        totals = [step * (taps - 1) for step, taps in zip(dilation, weight.shape[2:], strict=True)]
        before, after = [total // 2 for total in totals], [total - total // 2 for total in totals]
    else:
        before = after = per_axis(0 if given["padding"] == "valid" else given["padding"], spatial)
    window = {
        "stride": stride, "dilation": dilation, "pad_before": before, "pad_after": after,
        "input_dilation": [1] * spatial,
    }  # fmt: skip
    _convolve(builder, node, weight, bias, window, given["groups"])


def _transposed(builder: Builder, node: fx.Node, weight: Floats, bias: Floats | None, given: Mapping[str, Any]) -> None:
    """Over one axis or two: a plain convolution of inputs that stand `stride` apart, with its taps reversed."""
    spatial = weight.ndim - 2
    stride, dilation, padding, extra = (
        per_axis(given[key], spatial) for key in ("stride", "dilation", "padding", "output_padding")
    )
    before = [step * (taps - 1) - pad for step, taps, pad in zip(dilation, weight.shape[2:], padding, strict=True)]
    after = [pad + more for pad, more in zip(before, extra, strict=True)]
    if min(*before, *after) < 0:
        raise builder.unsupported(
            node, f"padding {padding} cuts off more than the taps reach; use less padding, and slice the result"
        )
    window = {
        "stride": [1] * spatial, "dilation": dilation, "pad_before": before, "pad_after": after,
        "input_dilation": stride,
    }  # fmt: skip
    plain = correlation_weight(torch.from_numpy(weight), given["groups"]).numpy()
    _convolve(builder, node, plain, bias, window, given["groups"])


_Form = Callable[[Builder, fx.Node, Floats, Floats | None, Mapping[str, Any]], None]


def _rule(form: _Form) -> Rule:
    def rule(builder: Builder, node: fx.Node) -> None:
        form(builder, node, *weight_and_bias(builder, node), arguments(node))

    rule.__doc__ = form.__doc__
    return rule


def convolution(builder: Builder, node: fx.Node) -> None:
    """aten.convolution(x, weight, bias, stride, padding, dilation, transposed, output_padding, groups): both kinds."""
    _rule(_transposed if arguments(node)["transposed"] else _plain)(builder, node)


RULES: Mapping[object, Rule] = {
    **dict.fromkeys(
        (aten.conv1d.default, aten.conv1d.padding, aten.conv2d.default, aten.conv2d.padding),
        _rule(_plain),
    ),
    **dict.fromkeys((aten.conv_transpose1d.default, aten.conv_transpose2d.input), _rule(_transposed)),
    aten.convolution.default: convolution,
}
