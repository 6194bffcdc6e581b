"""Weights of transposed convolutions, which PyTorch stores by input channel, as those of the plain ones they are."""

from torch import Tensor


def correlation_weight(weight: Tensor, groups: int) -> Tensor:
    """Return the weight (o, c / groups, *taps) of the cross-correlation that a transposed convolution is.

    Args: weight (c, o / groups, *taps) as nn.ConvTranspose has it: channels change places in each group, taps reverse.
    """
    grouped = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
    swapped = grouped.transpose(1, 2).reshape(-1, weight.shape[0] // groups, *weight.shape[2:])
    return swapped.flip(tuple(range(2, weight.dim())))
