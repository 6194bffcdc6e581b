"""Linear-chain conditional random field (Lafferty, McCallum & Pereira 2001): scores of whole sequences of labels.

Shapes: b batch, t time steps, L labels. The score of a sequence of labels y is
    s(y) = start[y_1] + sum_t emission[t, y_t] + sum_t transition[y_t-1, y_t] + end[y_T],
its probability exp(s(y)) / Z, Z the sum over all L^T sequences. Everything is computed in log space.
"""

import torch
from torch import Tensor, nn

from smidgen.errors import ConfigError, DataError

INITIAL_RANGE = 0.1
"""Scores of starts, ends and transitions begin uniform in +-this: no label is preferred to another."""


class LinearChainCRF(nn.Module):
    """Scores for how sequences start, go on and end; emissions (b, t, L) come from a network."""

    def __init__(self, n_labels: int) -> None:
        super().__init__()
        if n_labels < 1:
            raise ConfigError(f"LinearChainCRF: n_labels must be at least 1, got {n_labels}")
        self.start = nn.Parameter(torch.empty(n_labels).uniform_(-INITIAL_RANGE, INITIAL_RANGE))
        self.end = nn.Parameter(torch.empty(n_labels).uniform_(-INITIAL_RANGE, INITIAL_RANGE))
        self.transition = nn.Parameter(  # [from, to]
            torch.empty(n_labels, n_labels).uniform_(-INITIAL_RANGE, INITIAL_RANGE)
        )

    def log_likelihood(self, emissions: Tensor, labels: Tensor, known: Tensor) -> Tensor:
        """Return the log probability (b,) of what is known of each sequence, never above 0.

        A step whose label is not known is summed over: nothing is assumed about it, and the steps around it still say
        what it may have been. With every label known this is the usual s(y) - log Z; with none it is 0.
        Args: emissions (b, t, L); labels (b, t) integer, in 0..L-1 where `known` (b, t) is true and read nowhere else.
        Raises: DataError where shapes disagree.
        """
        self._check(emissions)
        if labels.shape != emissions.shape[:2] or known.shape != labels.shape:
            raise DataError(
                f"emissions {tuple(emissions.shape)} need labels and known (b, t), got {tuple(labels.shape)} and "
                f"{tuple(known.shape)}"
            )
        label = torch.arange(self.start.shape[0], device=labels.device)
        excluded = known[..., None] & (labels[..., None] != label)  # (b, t, L)
        return self.log_partition(emissions.masked_fill(excluded, -torch.inf)) - self.log_partition(emissions)

    def log_partition(self, emissions: Tensor) -> Tensor:
        """Return log Z (b,); an emission of -inf excludes its label."""
        self._check(emissions)
        return torch.logsumexp(self._forward_scores(emissions)[-1] + self.end, dim=-1)

    def marginals(self, emissions: Tensor) -> Tensor:
        """Return P(y_t = l) (b, t, L), given the whole sequence of emissions: the forward-backward algorithm."""
        self._check(emissions)
        forward = torch.stack(self._forward_scores(emissions), dim=1)
        backward = torch.stack(self._backward_scores(emissions), dim=1)
        return torch.softmax(forward + backward, dim=-1)

    def viterbi(self, emissions: Tensor) -> Tensor:
        """Return the most probable sequence of labels (b, t) int64; among equals, the one of smaller numbers."""
        self._check(emissions)
        best = self.start + emissions[:, 0]  # (b, L), the score of the best sequence that ends in each label
        came_from = []
        for emission in emissions[:, 1:].unbind(1):
            best, previous = (best[:, :, None] + self.transition).max(dim=1)
            best = best + emission
            came_from.append(previous)
        label = (best + self.end).argmax(dim=-1)  # (b,)
        path = [label]
        for previous in reversed(came_from):
            label = previous.gather(1, label[:, None])[:, 0]
            path.append(label)
        return torch.stack(path[::-1], dim=1)

    def _forward_scores(self, emissions: Tensor) -> list[Tensor]:
        """Return for each step the log sum (b, L) over all beginnings that end there in each label."""
        scores = [self.start + emissions[:, 0]]
        for emission in emissions[:, 1:].unbind(1):
            scores.append(torch.logsumexp(scores[-1][:, :, None] + self.transition, dim=1) + emission)
        return scores

    def _backward_scores(self, emissions: Tensor) -> list[Tensor]:
        """Return for each step the log sum (b, L) over all continuations behind it, given each label there."""
        scores = [self.end.expand(emissions.shape[0], -1)]
        for emission in reversed(emissions[:, 1:].unbind(1)):
            scores.append(torch.logsumexp(self.transition + (emission + scores[-1])[:, None, :], dim=2))
        return scores[::-1]

    def _check(self, emissions: Tensor) -> None:
        n_labels = self.start.shape[0]
        if emissions.dim() != 3 or emissions.shape[2] != n_labels or emissions.shape[1] < 1:
            raise DataError(
                f"this CRF takes emissions (b, t, {n_labels}) of at least one step, got {tuple(emissions.shape)}"
            )
