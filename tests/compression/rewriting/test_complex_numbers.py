"""Complex numbers and Fourier transforms, as published code writes them, become real layers with the same results."""

import pytest
import torch
from small_models import Functions, assert_equal_everywhere, lowered, normal
from torch import Tensor, nn

from smidgen.compression import import_model
from smidgen.errors import UnsupportedError
from smidgen.passes import CausalGraph

T, WIDTH = 12, 4
X = normal(16, T, WIDTH)
KERNEL = normal(WIDTH, T, seed=4) * 0.7 ** torch.arange(T)


def fourier_mixing(m: nn.Module, x: Tensor) -> Tensor:
    """FNet (Lee-Thorp et al. 2021)."""
    return torch.fft.fft(torch.fft.fft(x, dim=-1), dim=-2).real


def fourier_operator(m: nn.Module, x: Tensor) -> Tensor:
    """Weights on the lowest frequencies (Li et al. 2020), written into a spectrum of zeros."""
    spectrum = torch.fft.rfft(x.mT)
    mixed = torch.zeros(len(x), WIDTH, T // 2 + 1, dtype=torch.cfloat)
    mixed[:, :, :3] = torch.einsum("bim,iom->bom", spectrum[:, :, :3], m.modes)
    return torch.fft.irfft(mixed, n=T)


def auto_correlation(m: nn.Module, x: Tensor) -> Tensor:
    """By the spectrum of each of two tensors (Wu et al. 2021)."""
    q, k = torch.fft.rfft(x, dim=1, norm="ortho"), torch.fft.rfft(torch.tanh(x), dim=1, norm="ortho")
    return torch.fft.irfft(q * torch.conj(k), n=T, dim=1, norm="ortho")


def spectrogram(m: nn.Module, x: Tensor) -> Tensor:
    """Magnitudes of a short-time transform with a window."""
    return torch.stft(x[..., 0], 6, 3, window=torch.hann_window(6), return_complex=True).abs()


def bands(m: nn.Module, x: Tensor) -> Tensor:
    """Real and imaginary parts side by side, an odd length, a transform over two axes."""
    spectrum = torch.fft.rfft(x, n=9, dim=1)
    both = torch.view_as_real(spectrum).flatten(2)
    return both + torch.cat([torch.fft.rfft2(x[:, :5, :3]).abs().flatten(1), x[:, 0]], 1)[:, :5, None]


def phasors(m: nn.Module, x: Tensor) -> Tensor:
    """Products and quotients of polar forms, conjugates, exponentials and parts of split ones."""
    z = torch.polar(x.abs() + 0.1, 0.5 * x)
    turned = torch.exp(torch.complex(0.1 * x, x)) * (z + 1j * x) / (2.0 - 1j) - z.conj() / torch.polar(1.0 + 0 * x, x)
    first, second = turned.chunk(2, dim=-1)
    return torch.stack([first, 1j * second]).sum(0).real + turned.mean(1, keepdim=True).imag[..., :2]


FUNCTIONS = {
    function.__name__: function
    for function in (fourier_mixing, fourier_operator, auto_correlation, spectrogram, bands, phasors)
}


def test_complex_numbers_follow_pytorch() -> None:
    """Above 100 dB in float32 and 25 dB in int8, and in C byte for byte."""
    modes = torch.complex(normal(WIDTH, WIDTH, 3, seed=2), normal(WIDTH, WIDTH, 3, seed=3))
    assert_equal_everywhere(FUNCTIONS, (X,), {"float32": 100.0, "int8": 25.0}, modes=nn.Parameter(modes))


class LongConvolution(nn.Module):
    """A convolution as long as the window, by the product of spectra, as in S4 and Hyena."""

    def __init__(self, kernel: Tensor, axis: int) -> None:
        super().__init__()
        self.kernel, self.axis = nn.Parameter(kernel), axis

    def forward(self, x: Tensor) -> Tensor:
        signal = x if self.axis == 1 else x.transpose(1, 2)
        kernel = self.kernel.T if self.axis == 1 else self.kernel
        spectrum = torch.fft.rfft(signal, n=2 * T, dim=self.axis)
        product = spectrum * torch.fft.rfft(kernel, n=2 * T, dim=self.axis - 1)
        y = torch.fft.irfft(product, n=2 * T, dim=self.axis).narrow(self.axis, 0, T)
        return y if self.axis == 1 else y.transpose(1, 2)


@pytest.mark.parametrize("axis", [1, 2])
def test_a_product_of_spectra_is_a_causal_convolution(axis: int) -> None:
    """One depthwise convolution, within 1e-5 of PyTorch, that streams; no transform is left."""
    model = LongConvolution(KERNEL, axis).eval()
    rungs = lowered(model, (X,), "float32")
    assert not any(op.kind == "linear" for op in rungs.graph.ops)
    (found,) = rungs.integers((X,))
    assert abs(found - model(X).detach().double().numpy()).max() < 1e-5
    assert CausalGraph(rungs.graph, {"x": 0}).step.ops


def test_taps_of_the_future_are_kept() -> None:
    """A kernel that fills the whole circle looks ahead too: both sides count, and the result is PyTorch's."""
    model = LongConvolution(normal(WIDTH, 2 * T, seed=4), 2).eval()
    (found,) = lowered(model, (X,), "float32").integers((X,))
    assert abs(found - model(X).detach().double().numpy()).max() < 1e-4


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda m, x: torch.fft.rfft(x).angle(), r"angle: of complex numbers, sums, products, .* compile"),
        (lambda m, x: torch.fft.rfft(x), r"returned as complex numbers; return torch.view_as_real of it"),
    ],
    ids=["angle", "result"],
)
def test_other_complex_operators_are_refused(function: object, said: str) -> None:
    """By name, with what compiles instead."""
    with pytest.raises(UnsupportedError, match=said):
        import_model(Functions({"y": function}, {}).eval(), (X,))  # type: ignore[dict-item]
