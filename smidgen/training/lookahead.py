"""Lookahead (Zhang et al. 2019, Algorithm 1) around RAdam (Liu et al. 2020): weights explore fast and settle slowly."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class LookaheadRAdam(torch.optim.RAdam):
    """RAdam whose weights, after every `lookahead_steps` steps, go back to `lookahead_rate` of the way they have come.

    The slow weights lie in the optimiser's state beside RAdam's own, so a checkpoint holds them.
    """

    def __init__(
        self, parameters: Iterable[Tensor], *, lr: float, lookahead_steps: int = 5, lookahead_rate: float = 0.5
    ) -> None:
        super().__init__(parameters, lr=lr)
        self.lookahead_steps = lookahead_steps
        self.lookahead_rate = lookahead_rate

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step of RAdam, and of the slow weights when it is their turn."""
        parameters = [parameter for group in self.param_groups for parameter in group["params"]]
        start = {parameter: parameter.clone() for parameter in parameters if "slow" not in self.state[parameter]}
        result = super().step(closure)
        for parameter in parameters:
            state = self.state[parameter]
            if parameter.grad is None:
                continue
            slow = state.setdefault("slow", start.get(parameter))
            if int(state["step"]) % self.lookahead_steps == 0:
                slow.lerp_(parameter, self.lookahead_rate)
                parameter.copy_(slow)
        return result
