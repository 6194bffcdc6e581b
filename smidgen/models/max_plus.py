"""A matrix product in the max-plus algebra: the best of sums, as in Viterbi's algorithm and in shortest paths."""

from torch import Tensor


def max_plus(x: Tensor, scores: Tensor) -> Tensor:
    """Return y[..., o] = max over i of x[..., i] + scores[o, i].

    Args: x (..., i); scores (o, i). Returns: (..., o).
    """
    return (x.unsqueeze(-2) + scores).amax(-1)
