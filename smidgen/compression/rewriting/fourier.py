"""Fourier transforms as products with matrices of cosines and sines, and long convolutions that go by way of them.

A firmware's windows are short, so that a matrix costs no more than a fast transform, and is a layer like any other.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx

from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.scores import Constants
from smidgen.compression.structure import COMPUTED, arguments, readers

aten = torch.ops.aten

#: Taps smaller than this part of the largest are the rounding of float32.
_NOTHING = 1e-5


def forward_matrix(size: int, rows: int, *, inverse: bool = False) -> Tensor:
    """Return exp(-2 pi i k t / size) (rows, size) for frequencies k, conjugate for the inverse, in double precision."""
    angles = torch.outer(torch.arange(rows), torch.arange(size)).double() * (2.0 * math.pi / size)
    return torch.polar(torch.ones_like(angles), angles if inverse else -angles)


def to_real_matrices(size: int) -> tuple[Tensor, Tensor]:
    """Return by what real and imaginary parts of half a spectrum are multiplied to give `size` samples (size, rows)."""
    rows = size // 2 + 1
    weights = torch.full((rows,), 2.0, dtype=torch.float64)
    weights[0] = 1.0
    if size % 2 == 0:
        weights[-1] = 1.0  # the highest frequency is its own conjugate
    matrix = forward_matrix(size, rows, inverse=True).T * weights
    return matrix.real, -matrix.imag


def scale_of(normalization: int, size: int) -> float:
    """Return the factor of one transform of `size`, by torch's code: 0 none, 1 by root of n, 2 by n."""
    return (1.0, size**-0.5, 1.0 / size)[normalization]


def fuse_fourier_convolutions(graph: fx.Graph, constants: Constants) -> bool:
    """Make irfft(rfft(x, n) * constant, n)[.., :T], as in S4 and Hyena, a convolution; return whether there was one."""
    found = False
    for node in list(graph.nodes):
        if node.target is aten._fft_c2r.default and node.meta[COMPUTED] and _fuse(node, constants):
            found = True
    graph.eliminate_dead_code()
    return found


def _fuse(inverse: fx.Node, constants: Constants) -> bool:
    given = arguments(inverse)
    product, (axis, *others), size = given["self"], given["dim"], given["last_dim_size"]
    if others or product.target is not aten.mul.Tensor:
        return False
    pairs = (product.args[:2], product.args[1::-1])
    match = next((pair for pair in pairs if _is_spectrum(pair[0], axis) and pair[1].name in constants), None)
    if match is None or _scale(match[0], size) * scale_of(given["normalization"], size) != scale_of(2, size):
        return False
    x = match[0].args[0]
    assert isinstance(x, fx.Node)
    signal, steps = _without_padding(x, axis)
    cuts = readers(inverse)
    if signal.meta["val"].dim() != 3 or axis == 0 or size < 2 * steps - 1 or x.meta["val"].shape[axis] != size:
        return False
    if not all(_is_cut(cut, axis, steps) for cut in cuts):
        return False
    channels = signal.meta["val"].shape[3 - axis]
    taps = _taps(constants[match[1].name], axis, size, channels)
    if taps is None:
        return False
    for cut in cuts:
        insertion = Insertion(cut)
        y = _convolved(insertion, inverse.name, signal, axis, steps, taps)
        cut.replace_all_uses_with(insertion.call(aten.slice.Tensor, y, axis, 0, arguments(cut)["end"]))
    return True


def _is_spectrum(node: Any, axis: int) -> bool:
    return (
        isinstance(node, fx.Node)
        and node.target is aten._fft_r2c.default
        and arguments(node)["dim"] == [axis]
        and bool(arguments(node)["onesided"])
    )


def _scale(spectrum: fx.Node, size: int) -> float:
    return scale_of(arguments(spectrum)["normalization"], size)


def _without_padding(x: fx.Node, axis: int) -> tuple[fx.Node, int]:
    """Return what was padded with zeros behind its end along an axis, and its steps."""
    if x.target is aten.constant_pad_nd.default:
        given = arguments(x)
        place = 2 * (x.meta["val"].dim() - 1 - axis)
        behind = [width if index == place + 1 else 0 for index, width in enumerate(given["pad"])]
        if not given["value"] and list(given["pad"]) == behind:
            x = given["self"]
    return x, x.meta["val"].shape[axis]


def _is_cut(node: fx.Node, axis: int, steps: int) -> bool:
    """True for a slice of the first steps."""
    if node.target is not aten.slice.Tensor:
        return False
    given = arguments(node)
    return given["dim"] == axis and not given["start"] and given["step"] == 1 and 0 < (given["end"] or 0) <= steps


def _taps(spectrum: Tensor, axis: int, size: int, channels: int) -> Tensor | None:
    """Return a kernel (channels, size) from its spectrum, None where it differs by more than channel."""
    whole = spectrum.to(torch.complex128).reshape(*[1] * (3 - spectrum.dim()), *spectrum.shape)
    if whole.shape[0] != 1 or whole.shape[3 - axis] not in (1, channels) or whole.shape[axis] != size // 2 + 1:
        return None
    taps: Tensor = torch.fft.irfft(whole.movedim(axis, -1)[0], n=size)
    return taps.expand(channels, size)


def _convolved(insertion: Insertion, name: str, x: fx.Node, axis: int, steps: int, taps: Tensor) -> fx.Node:
    """Add a convolution of each channel; only its past counts where the taps of the future are nothing."""
    future = taps[:, taps.shape[-1] - (steps - 1) :]
    is_causal = bool(future.abs().max() <= _NOTHING * taps.abs().max()) if steps > 1 else True
    lags = taps[:, :steps] if is_causal else torch.cat([future, taps[:, :steps]], -1)  # from the future to the past
    weight = insertion.constant(f"{name}_taps", lags.flip(-1).unsqueeze(1).float().contiguous())
    frames = x if axis == 2 else insertion.call(aten.transpose.int, x, 1, 2)
    padding = [steps - 1, 0 if is_causal else steps - 1]
    batch, channels, _ = frames.meta["val"].shape
    whole = frames.meta["val"].new_empty(batch, channels, sum(padding) + steps)
    padded = insertion.call_like(aten.constant_pad_nd.default, frames, padding, 0.0, value=whole)
    y = insertion.call(aten.conv1d.default, padded, weight, None, [1], [0], [1], len(taps))
    return y if axis == 2 else insertion.call(aten.transpose.int, y, 1, 2)


def matrices(values: Sequence[Tensor], scale: float) -> Tensor:
    """Return blocks side by side, scaled, as the weight of a layer."""
    return (torch.cat(list(values), -1) * scale).float().contiguous()
