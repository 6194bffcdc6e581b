"""The selective scan of a state-space model (Gu & Dao 2023, "Mamba", Algorithm 2), as one op that export keeps whole.

Shapes: b batch, t time, d channels, n states per channel. For every channel and state
    h[t] = exp(delta[t] * A) * h[t-1] + delta[t] * B[t] * u[t],    y[t] = sum over n of C[t] * h[t]  +  D * u[t].

Three spellings of the same function stand here, tied by property tests in value and gradient:
`selective_scan_reference` (one step after the other), `selective_scan_step` (one step, for streaming) and the
custom op `selective_scan` that models call: a work-efficient parallel scan with a hand-written backward.
"""

from typing import Any

import torch
from torch import Tensor


def selective_scan_step(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, h: Tensor
) -> tuple[Tensor, Tensor]:
    """Advance the selective scan by one time step.

    Args: u, delta (b, d), delta > 0; A (d, n), A < 0; B, C (b, n); D (d,); h (b, d, n).
    Returns: y (b, d) and the new state (b, d, n). Equals row t of `selective_scan`.
    """
    decay = torch.exp(delta[:, :, None] * A)  # (b, d, n)
    drive = (delta * u)[:, :, None] * B[:, None, :]  # (b, d, n); Euler for B, as the authors do, not ZOH
    h = decay * h + drive
    y = (h * C[:, None, :]).sum(-1) + D * u  # (b, d)
    return y, h


def selective_scan_reference(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, reverse: bool = False
) -> Tensor:
    """Return y (b, t, d) by one `selective_scan_step` after the other: what the fast scan is tested against."""
    h = u.new_zeros(u.shape[0], u.shape[2], A.shape[1])
    rows = []
    for t in reversed(range(u.shape[1])) if reverse else range(u.shape[1]):
        y, h = selective_scan_step(u[:, t], delta[:, t], A, B[:, t], C[:, t], D, h)
        rows.append(y)
    return torch.stack(rows[::-1] if reverse else rows, dim=1)


@torch.library.custom_op("smidgen::selective_scan", mutates_args=())
def selective_scan(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, reverse: bool = False
) -> Tensor:
    """Run the selective scan over whole sequences, starting from state zero; with `reverse` from the last step back.

    Args: u, delta (b, t, d), delta > 0; A (d, n), A < 0; B, C (b, t, n); D (d,). All of one floating dtype.
    Returns: y (b, t, d). No value is divided by a decay, so a large delta underflows to "forget" and never overflows.
    """
    h = _linear_recurrence_(_decay(delta, A), _drive(u, delta, B), backwards=reverse)
    return (h * C.unsqueeze(-1)).sum(2) + D * u


def selective_scan_states(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, *, reverse: bool = False) -> Tensor:
    """Return every state h (b, t, d, n) of the scan: what an integer state has to hold."""
    return _linear_recurrence_(_decay(delta, A), _drive(u, delta, B), backwards=reverse).transpose(2, 3)


@selective_scan.register_fake
def _(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, reverse: bool = False) -> Tensor:
    return torch.empty_like(u)


def _save_inputs(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.reverse = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, ...]:
    """Return the gradients of the six tensors of `selective_scan`; states are computed again rather than stored.

    With `reverse`, "the step before" below is the one after in time.
    """
    u, delta, A, B, C, D = ctx.saved_tensors
    decay = _decay(delta, A)
    h = _linear_recurrence_(decay.clone(), _drive(u, delta, B), backwards=ctx.reverse)

    # With message[t] = decay[t] * dL/dh[t], what step t passes to the step before it:
    # dL/dh[t] = C[t] dL/dy[t] + message[t+1], so message follows the same recurrence from the last step to the first.
    grad_h = grad_y.unsqueeze(2) * C.unsqueeze(-1)
    message = _linear_recurrence_(decay, decay * grad_h, backwards=not ctx.reverse)
    before, after = (slice(None, -1), slice(1, None))[:: -1 if ctx.reverse else 1]
    grad_h[:, before] += message[:, after]
    grad_exponent = message  # with respect to delta * A: message[t] * h[t-1], and the state before the first is zero
    grad_exponent[:, after] *= h[:, before]
    grad_exponent[:, -1 if ctx.reverse else 0] = 0.0

    grad_delta_u = (grad_h * B.unsqueeze(-1)).sum(2)
    grad_u = grad_delta_u * delta + grad_y * D
    grad_delta = grad_delta_u * u + (grad_exponent * A.t()).sum(2)
    grad_A = (grad_exponent * delta.unsqueeze(2)).sum((0, 1)).t()
    grad_B = (grad_h * (delta * u).unsqueeze(2)).sum(-1)
    grad_C = (h * grad_y.unsqueeze(2)).sum(-1)
    grad_D = (grad_y * u).sum((0, 1))
    return grad_u, grad_delta, grad_A, grad_B, grad_C, grad_D, None


selective_scan.register_autograd(_backward, setup_context=_save_inputs)


def _decay(delta: Tensor, A: Tensor) -> Tensor:
    """Return exp(delta * A), in (0, 1], (b, t, n, d): channels last, so that products broadcast along memory."""
    return (delta.unsqueeze(2) * A.t()).exp_()


def _drive(u: Tensor, delta: Tensor, B: Tensor) -> Tensor:
    """Return delta * B * u, (b, t, n, d)."""
    return (delta * u).unsqueeze(2) * B.unsqueeze(-1)


def _linear_recurrence_(decay: Tensor, drive: Tensor, *, backwards: bool = False) -> Tensor:
    """Turn drive into h with h[:, t] = decay[:, t] * h[:, t-1] + drive[:, t], in place; decay is used up.

    Brent & Kung's parallel prefix (1982): on the way up, spans of 2, 4, 8, ... steps compose into one step each, where
    (a2, x2) after (a1, x1) is (a2 a1, a2 x1 + x2); on the way down, the rows between take the finished row before them.
    O(t) work, O(log t) depth, any t. With `backwards` the recurrence runs from the last step to the first.
    """
    steps = drive.shape[1]

    def rows(start: int, stop: int, stride: int) -> slice:
        if not backwards:
            return slice(start, stop, stride)
        last = start + (stop - 1 - start) // stride * stride
        return slice(steps - 1 - last, steps - start, stride)

    span = 1
    while span < steps:
        earlier, later = rows(span - 1, steps - span, 2 * span), rows(2 * span - 1, steps, 2 * span)
        drive[:, later].addcmul_(decay[:, later], drive[:, earlier])
        decay[:, later].mul_(decay[:, earlier])
        span *= 2
    while span > 1:
        span //= 2
        if 3 * span <= steps:
            earlier, later = rows(2 * span - 1, steps - span, 2 * span), rows(3 * span - 1, steps, 2 * span)
            drive[:, later].addcmul_(decay[:, later], drive[:, earlier])
    return drive
