"""Shapes of torch's recurrent layers while a module is traced, without a walk over their steps.

To learn the shape of what nn.GRU gives, torch's tracer runs its decomposition, step after step on fake tensors: minutes
for a window of some hundred steps, for a node that stays whole in the graph. While tracing, the result's shape is said
at once instead. (torch keeps an operator's Python implementations in `py_kernels` and `decomposition_table`.)
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._decomp import decomposition_table

aten = torch.ops.aten


def _states(input: Tensor, hx: Tensor, *given: Any) -> tuple[Tensor, ...]:
    """Return tensors in the shape of outputs and last states; arguments as those of aten.gru.input."""
    return _outputs(input, hx, *given), hx.new_empty(hx.shape)


def _lstm_states(input: Tensor, hx: Sequence[Tensor], *given: Any) -> tuple[Tensor, ...]:
    return _outputs(input, hx[0], *given), *(state.new_empty(state.shape) for state in hx)


def _outputs(
    input: Tensor,
    hidden: Tensor,
    params: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> Tensor:
    return input.new_empty(*input.shape[:2], hidden.shape[2] * (2 if bidirectional else 1))


_STAND_INS: dict[Any, Callable[..., tuple[Tensor, ...]]] = {
    aten.gru.input: _states,
    aten.rnn_tanh.input: _states,
    aten.rnn_relu.input: _states,
    aten.lstm.input: _lstm_states,
}


@contextmanager
def recurrent_layers_whole() -> Iterator[None]:
    """Within, recurrent layers on fake tensors only say the shape of their results; nothing may compute with them."""
    kept = {operator: (dict(operator.py_kernels), decomposition_table[operator]) for operator in _STAND_INS}
    try:
        for operator, stand_in in _STAND_INS.items():
            _install(operator, dict.fromkeys(operator.py_kernels, stand_in), stand_in)
        yield
    finally:
        for operator, (kernels, decomposition) in kept.items():
            _install(operator, kernels, decomposition)


def _install(operator: Any, kernels: dict[Any, Any], decomposition: Callable[..., Any]) -> None:
    operator.py_kernels.update(kernels)
    operator._dispatch_cache.clear()
    decomposition_table[operator] = decomposition
