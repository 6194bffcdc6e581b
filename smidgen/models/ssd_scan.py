"""The scan of Mamba-2 (Dao & Gu 2024, "Transformers are SSMs"): a selective scan with one decay for each head and step.

Shapes: b batch, t time, h heads, p channels of a head, g groups of heads that share B and C, n states per channel.
    H[t] = exp(dt[t] A) H[t-1] + dt[t] x[t] B[t]^T,    y[t] = H[t] C[t] + D x[t],    H (p, n) for each head.

Two spellings of the same function stand here, tied by property tests in value and gradient: `ssd_scan_reference` (one
step after the other) and the custom op `ssd_scan` that models call, which works on chunks (Section 6 of the paper).
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from smidgen.models.selective_scan import selective_scan_states

_CHUNK = 32  # steps that are one block of matrix products


def ssd_scan_reference(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, reverse: bool = False
) -> Tensor:
    """Return y (b, t, h, p) by one step after the other: what the fast scan is tested against. Args as `ssd_scan`."""
    per_group = x.shape[2] // B.shape[2]
    B, C = B.repeat_interleave(per_group, dim=2), C.repeat_interleave(per_group, dim=2)
    state = x.new_zeros(x.shape[0], *x.shape[2:], B.shape[-1])
    rows = []
    for t in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
        decay = torch.exp(dt[:, t] * A)[:, :, None, None]
        drive = (dt[:, t, :, None] * x[:, t])[..., None] * B[:, t, :, None, :]  # (b, h, p, n)
        state = decay * state + drive
        rows.append((state * C[:, t, :, None, :]).sum(-1) + D[:, None] * x[:, t])
    return torch.stack(rows[::-1] if reverse else rows, dim=1)


@torch.library.custom_op("smidgen::ssd_scan", mutates_args=())
def ssd_scan(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, reverse: bool = False) -> Tensor:
    """Run the scan over whole sequences, starting from state zero; with `reverse` from the last step back.

    Args: x (b, t, h, p); dt (b, t, h) > 0; A (h,) < 0; B, C (b, t, g, n), g a divisor of h; D (h,).
    Returns: y (b, t, h, p). Only ratios of decays of at most 1 occur, so a large dt underflows to "forget".
    """
    return _in_chunks(x, dt, A, B, C, D, reverse=reverse).contiguous()


def ssd_scan_states(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, *, reverse: bool = False) -> Tensor:
    """Return every state (b, t, h * p, n) of the scan: what an integer state has to hold."""
    width = x.shape[3]
    u, delta = x.flatten(2), dt.repeat_interleave(width, dim=2)
    rates = A.repeat_interleave(width)[:, None].expand(-1, B.shape[-1])
    groups = B.shape[2]
    parts = zip(u.chunk(groups, dim=2), delta.chunk(groups, dim=2), rates.chunk(groups), B.unbind(2), strict=True)
    return torch.cat([selective_scan_states(*part, reverse=reverse) for part in parts], dim=2)


@ssd_scan.register_fake
def _(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, reverse: bool = False) -> Tensor:
    return x.new_empty(x.shape)


def _save_inputs(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.reverse = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, ...]:
    """Return the gradients of the six tensors: the chunks are computed again, and torch differentiates them."""
    tensors: list[Any] = [tensor.detach().requires_grad_() for tensor in ctx.saved_tensors]
    with torch.enable_grad():
        y = _in_chunks(*tensors, reverse=ctx.reverse)
    return *torch.autograd.grad(y, tensors, grad_y), None


ssd_scan.register_autograd(_backward, setup_context=_save_inputs)


def _in_chunks(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, *, reverse: bool) -> Tensor:
    """Within a chunk, attention with decays for weights; between chunks, one state each, passed on step by step.

    Shapes below: c chunks, l (and s) steps of a chunk.
    """
    steps, per_group = x.shape[1], x.shape[2] // B.shape[2]
    sequences = (x, dt, B.repeat_interleave(per_group, dim=2), C.repeat_interleave(per_group, dim=2))
    ordered = (sequence.flip(1) if reverse else sequence for sequence in sequences)
    values, step, keys, queries = map(_chunked, ordered)  # (b, c, l, h, ...)
    exponent = (step * A).cumsum(2)  # log of the decay since the chunk began, (b, c, l, h)
    since = exponent[:, :, :, None] - exponent[:, :, None]  # from step s (axis 3) to step l (axis 2)
    length = exponent.shape[2]
    ahead = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)[..., None]
    weight = since.masked_fill(ahead, -torch.inf).exp()  # (b, c, l, s, h)
    driven = values * step[..., None]
    scores = torch.einsum("bclhn,bcshn->bclsh", queries, keys) * weight
    y = torch.einsum("bclsh,bcshp->bclhp", scores, driven)

    to_end = (exponent[:, :, -1:] - exponent).exp()
    gained = torch.einsum("bclhn,bclh,bclhp->bchpn", keys, to_end, driven)  # what each chunk adds to the state
    kept = exponent[:, :, -1].exp()[..., None, None]  # (b, c, h, 1, 1)
    state, before = torch.zeros_like(gained[:, 0]), []
    for chunk in range(gained.shape[1]):
        before.append(state)
        state = kept[:, chunk] * state + gained[:, chunk]
    y = y + torch.einsum("bclhn,bclh,bchpn->bclhp", queries, exponent.exp(), torch.stack(before, dim=1))
    y = y.flatten(1, 2)[:, :steps]
    return (y.flip(1) if reverse else y) + D[:, None] * x


def _chunked(sequence: Tensor) -> Tensor:
    """Return (b, t, ...) as (b, c, l, ...), zeros behind the last step: dt = 0 keeps the state as it is."""
    missing = -sequence.shape[1] % _CHUNK
    padded = F.pad(sequence, (0, 0) * (sequence.dim() - 2) + (0, missing))
    return padded.reshape(padded.shape[0], -1, _CHUNK, *padded.shape[2:])
