"""Operators that are taken apart into simpler ones when a model is captured: in torch's own spelling, or in ours.

Ours are for operators that torch leaves whole, and for those that torch takes apart by way of NaN and infinity, which
no firmware meets: inputs are checked to be finite.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch._decomp import get_decompositions
from torch.export import default_decompositions

aten = torch.ops.aten

_Decomposition = Callable[..., Any]

#: By torch's table, every overload; the first lines are other names of operators that compile.
_BY_TORCH = frozenset({
    "absolute", "clip", "concat", "concatenate", "divide", "fix", "float_power", "greater", "greater_equal",
    "less", "less_equal", "moveaxis", "multiply", "negative", "not_equal", "row_stack", "special_erf",
    "special_erfc", "special_exp2", "special_expit", "special_expm1", "special_log1p", "special_log_softmax",
    "special_logit", "special_logsumexp", "special_round", "special_sinc", "special_softmax", "subtract",
    "true_divide", "type_as", "_upsample_nearest_exact1d", "_upsample_nearest_exact2d",
    "addcdiv", "addcmul", "addr", "aminmax", "atleast_1d", "atleast_2d", "atleast_3d", "block_diag",
    "broadcast_tensors", "chain_matmul", "column_stack", "cosine_similarity", "count_nonzero", "cross",
    "cumulative_trapezoid", "deg2rad", "diag_embed", "diff", "dot", "dstack", "fft_fft", "fft_fft2", "fft_fftn",
    "fft_fftshift", "fft_ifft", "fft_ifft2", "fft_ifftn", "fft_ifftshift", "fft_irfft", "fft_irfft2",
    "fft_irfftn", "fft_rfft", "fft_rfft2", "fft_rfftn", "frobenius_norm", "ger", "glu", "gradient", "hardshrink",
    "hstack", "im2col", "index_copy", "index_fill", "kron", "l1_loss", "lerp", "linalg_cross", "linalg_matmul",
    "linalg_matrix_norm", "linalg_matrix_power", "linalg_multi_dot", "linalg_vecdot", "logit", "matrix_power",
    "mse_loss", "new_empty", "outer", "pairwise_distance", "rad2deg", "sinc", "smooth_l1_loss", "softshrink",
    "stft", "tensordot", "trace", "trapezoid", "trapz", "tril", "triu", "upsample_bicubic2d", "upsample_linear1d",
    "vdot", "vstack",
})  # fmt: skip

#: By torch, which leaves them whole unless asked.
_ON_DEMAND = (aten.upsample_bilinear2d.vec, aten.upsample_bilinear2d.default)


@cache
def decompositions() -> Mapping[Any, _Decomposition]:
    """Return by what each operator is replaced, in the form that `ExportedProgram.run_decompositions` takes."""
    by_torch = {
        operator: rule
        for operator, rule in default_decompositions().items()  # type: ignore[no-untyped-call]
        if operator.namespace == "aten" and _name(operator) in _BY_TORCH
    }
    return {**by_torch, **get_decompositions(_ON_DEMAND), **_OURS}


def _name(operator: Any) -> str:
    """Return "clip" for aten.clip.default."""
    return str(operator).split(".")[1]


# ---- functions of one tensor -----------------------------------------------------------------------------------------


def _tan(x: Tensor) -> Tensor:
    return torch.sin(x) / torch.cos(x)


def _sinh(x: Tensor) -> Tensor:
    return (torch.expm1(x) - torch.expm1(-x)) * 0.5


def _cosh(x: Tensor) -> Tensor:
    return (torch.exp(x) + torch.exp(-x)) * 0.5


def _asinh(x: Tensor) -> Tensor:
    magnitude, square = torch.abs(x), torch.square(x)
    return torch.sign(x) * torch.log1p(magnitude + square / (1.0 + torch.sqrt(square + 1.0)))


def _atanh(x: Tensor) -> Tensor:
    return (torch.log1p(x) - torch.log1p(-x)) * 0.5


def _erfc(x: Tensor) -> Tensor:
    return 1.0 - torch.erf(x)


def _round_decimals(x: Tensor, *, decimals: int) -> Tensor:
    return torch.round(x * 10.0**decimals) / 10.0**decimals


def _sgn(x: Tensor) -> Any:
    return NotImplemented if x.is_complex() else torch.sign(x)


def _never(x: Tensor) -> Tensor:
    """isnan and isinf: inputs are checked to be finite, and so is what is computed during calibration."""
    return torch.zeros_like(x, dtype=torch.bool)


def _always(x: Tensor) -> Tensor:
    return torch.ones_like(x, dtype=torch.bool)


# ---- functions of two tensors ----------------------------------------------------------------------------------------


def _heaviside(x: Tensor, values: Tensor) -> Tensor:
    return torch.where(x == 0, values, (x > 0).to(x.dtype))


def _hypot(a: Tensor, b: Tensor) -> Tensor:
    return torch.sqrt(torch.square(a) + torch.square(b))


def _log_add_exp(a: Tensor, b: Tensor) -> Tensor:
    return torch.maximum(a, b) + torch.log1p(torch.exp(-torch.abs(a - b)))


def _x_log_y(x: Tensor, y: Tensor) -> Tensor:
    return torch.where(x == 0, torch.zeros_like(x), x * torch.log(y))


def _distances(a: Tensor, b: Tensor, p: float = 2.0, compute_mode: int | None = None) -> Any:
    """cdist: of every row of a (.., n, d) from every row of b (.., m, d), by differences, which lose no digits."""
    difference = a.unsqueeze(-2) - b.unsqueeze(-3)
    if p == 2.0:
        return torch.sqrt(torch.sum(torch.square(difference), -1))
    if p == 1.0:
        return torch.sum(torch.abs(difference), -1)
    return torch.amax(torch.abs(difference), -1) if p == float("inf") else NotImplemented


# ---- reductions ------------------------------------------------------------------------------------------------------


def _log_sum_exp(x: Tensor, dim: list[int], keepdim: bool = False) -> Tensor:
    largest = torch.amax(x, dim, keepdim=True)
    total = torch.sum(torch.exp(x - largest), dim, keepdim=True)
    found = torch.log(total) + largest
    return found if keepdim else torch.squeeze(found, tuple(dim))


def _product(x: Tensor, dim: int, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Tensor:
    """The product along an axis, by halves."""
    factor = x if dtype is None else x.to(dtype)
    while (size := factor.shape[dim]) > 1:
        half = size // 2
        both = torch.narrow(factor, dim, 0, half) * torch.narrow(factor, dim, half, half)
        factor = torch.cat([both, torch.narrow(factor, dim, size - 1, 1)], dim) if size % 2 else both
    return factor if keepdim else torch.squeeze(factor, dim)


def _any(x: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    found = _truth(x)
    return torch.amax(found, _axes(x, dim), keepdim) > 0.5


def _all(x: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    found = _truth(x)
    return torch.amin(found, _axes(x, dim), keepdim) > 0.5


def _truth(x: Tensor) -> Tensor:
    return (x if x.dtype == torch.bool else x != 0).to(torch.float32)


def _axes(x: Tensor, dim: Any) -> list[int]:
    if dim is None:
        return list(range(x.dim()))
    return [dim] if isinstance(dim, int) else list(dim)


def _sum_without_nan(x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Tensor:
    return torch.sum(x, _axes(x, dim), keepdim, dtype=dtype)


# ---- values written into a tensor ------------------------------------------------------------------------------------


def _filled_by_tensor(x: Tensor, value: Tensor) -> Tensor:
    return value.to(x.dtype).expand(x.shape)


def _empty(size: Sequence[int], *, dtype: torch.dtype | None = None, **_: Any) -> Tensor:
    """Memory of any content, which whoever asked for it writes to: zeros, so that a graph gives the same every time."""
    return torch.zeros(size, dtype=dtype)


def _empty_like(x: Tensor, *, dtype: torch.dtype | None = None, **_: Any) -> Tensor:
    return torch.zeros_like(x, dtype=dtype)


def _index_put(x: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool = False) -> Any:
    """x[mask] = number, x[.., index, ..] = values."""
    given = [(axis, index) for axis, index in enumerate(indices) if index is not None]
    if accumulate or len(given) != 1:
        return NotImplemented
    (axis, index) = given[0]
    if index.dtype == torch.bool and axis == 0 and values.numel() == 1:
        mask = index.reshape(*index.shape, *[1] * (x.dim() - index.dim()))
        return torch.where(mask, values.reshape(()).to(x.dtype), x)
    if index.dtype == torch.bool or index.dim() != 1:
        return NotImplemented
    rows = values.expand(*x.shape[:axis], index.shape[0], *x.shape[axis + 1 :])
    return _with_rows(x, index, rows, axis)


def _with_rows(x: Tensor, index: Tensor, rows: Tensor, dim: int) -> Tensor:
    """Return x with what stands at `index` along an axis replaced, by picking from x and the new rows."""
    count = x.shape[dim]
    place = torch.arange(count)
    hit = (index % count) == place.unsqueeze(1)
    chosen = torch.where(torch.sum(hit, 1) > 0, count + torch.argmax(hit.to(torch.int64), 1), place)
    return torch.index_select(torch.cat([x, rows.to(x.dtype)], dim), dim, chosen)


def _scatter_number(x: Tensor, dim: int, index: Tensor, value: float) -> Any:
    """x.scatter(dim, index, number) at one position of every row, as of the largest score."""
    rows = [size for axis, size in enumerate(x.shape) if axis != dim % x.dim()]
    if index.shape[dim] != 1 or [size for axis, size in enumerate(index.shape) if axis != dim % x.dim()] != rows:
        return NotImplemented
    chosen = torch.nn.functional.one_hot(torch.squeeze(index, dim), x.shape[dim])
    return torch.where(torch.movedim(chosen, -1, dim) > 0, torch.full_like(x, value), x)


def _index_add(x: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1.0) -> Tensor:
    """Add rows of source to those of x at `index`: a product with a matrix of ones and zeros."""
    matrix = (index.unsqueeze(1) == torch.arange(x.shape[dim])).to(source.dtype) * alpha
    return x + torch.movedim(torch.matmul(torch.movedim(source, dim, -1), matrix), -1, dim)


_OURS: Mapping[Any, _Decomposition] = {
    aten.tan.default: _tan, aten.sinh.default: _sinh, aten.cosh.default: _cosh, aten.asinh.default: _asinh,
    aten.atanh.default: _atanh, aten.erfc.default: _erfc, aten.round.decimals: _round_decimals, aten.sgn.default: _sgn,
    aten.isnan.default: _never, aten.isinf.default: _never, aten.isfinite.default: _always,
    aten.heaviside.default: _heaviside, aten.hypot.default: _hypot, aten.logaddexp.default: _log_add_exp,
    aten.xlogy.Tensor: _x_log_y, aten.cdist.default: _distances,
    aten.logsumexp.default: _log_sum_exp, aten.prod.dim_int: _product, aten.nansum.default: _sum_without_nan,
    aten.any.default: _any, aten.any.dim: _any, aten.any.dims: _any,
    aten.all.default: _all, aten.all.dim: _all, aten.all.dims: _all,
    aten.fill.Tensor: _filled_by_tensor, aten.fill.Scalar: torch.full_like,
    aten.empty.memory_format: _empty, aten.empty_like.default: _empty_like,
    aten.index_put.default: _index_put,
    aten.scatter.value: _scatter_number, aten.index_add.default: _index_add,
}  # fmt: skip
