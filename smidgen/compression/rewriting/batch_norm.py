"""Batch normalisation at evaluation (Ioffe & Szegedy 2015, Algorithm 2): a scale and a shift for each channel.

That is a convolution of one tap and one channel a group, whose output channels each have a multiplier of their own in
the firmware; `channel_scaling` then merges it with the layer in front where it can.
"""

import operator

import torch
from torch import fx

from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.structure import COMPUTED, arguments

aten = torch.ops.aten

_STORED_STATISTICS = aten._native_batch_norm_legit_no_training.default


def scale_instead_of_batch_norm(graph: fx.Graph) -> bool:
    """Replace each norm by stored statistics by a depthwise convolution of one tap; return whether there was one."""
    found = False
    for node in list(graph.nodes):
        if not node.meta[COMPUTED]:
            continue
        if node.target is _STORED_STATISTICS:
            for user in list(node.users):
                assert user.target is operator.getitem, "its results are a tuple"
                if user.args[1] == 0:
                    user.replace_all_uses_with(_scaled_and_shifted(node))
        elif node.target is aten.instance_norm.default and not arguments(node)["use_input_stats"]:
            node.replace_all_uses_with(_scaled_and_shifted(node))
        else:
            continue
        found = True
    graph.eliminate_dead_code()
    return found


def _scaled_and_shifted(node: fx.Node) -> fx.Node:
    """Return what scales and shifts the channels, the second axis, of the operand of `node`."""
    given, call = arguments(node), Insertion(node).call
    deviation = call(aten.sqrt.default, call(aten.add.Scalar, given["running_var"], given["eps"]))
    scale = call(aten.reciprocal.default, deviation)
    if given["weight"] is not None:
        scale = call(aten.mul.Tensor, scale, given["weight"])
    shift = call(aten.neg.default, call(aten.mul.Tensor, given["running_mean"], scale))
    if given["bias"] is not None:
        shift = call(aten.add.Tensor, shift, given["bias"])
    x = given["input"]
    rank = x.meta["val"].dim()
    if rank == 2 and x.target is aten.linear.default:  # its weights will take both
        return call(aten.add.Tensor, call(aten.mul.Tensor, x, scale), shift)
    if rank == 2:
        x = call(aten.unsqueeze.default, x, -1)
    channels, spatial = int(x.meta["val"].shape[1]), max(rank - 2, 1)
    weight = call(aten.reshape.default, scale, [channels, 1, *[1] * spatial])
    convolution = {1: aten.conv1d.default, 2: aten.conv2d.default, 3: aten.conv3d.default}[spatial]
    ones, zeros = [1] * spatial, [0] * spatial
    y = call(convolution, x, weight, shift, ones, zeros, ones, channels)
    return call(aten.squeeze.dim, y, -1) if rank == 2 else y
