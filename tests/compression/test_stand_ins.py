"""Recurrent layers are traced by their shapes alone, whatever their length."""

import time
import warnings

import torch
from torch import Tensor, nn
from torch.export import export

from smidgen.compression.stand_ins import recurrent_layers_whole


class Both(nn.Module):
    """An LSTM in both directions, time first, and a GRU behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 4, num_layers=2, bidirectional=True)
        self.gru = nn.GRU(8, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y, (h, c) = self.lstm(x)
        return *self.gru(y), h, c


def test_long_windows_are_traced_at_once() -> None:
    """The graph holds each layer as one node, has the right shapes, and computes what the module computes."""
    model, x = Both().eval(), torch.randn(300, 1, 3)
    start = time.perf_counter()
    with warnings.catch_warnings(), recurrent_layers_whole():
        warnings.simplefilter("ignore")  # of torch.export, on the layers' flattened weights
        exported = export(model, (x,)).run_decompositions({})
    assert time.perf_counter() - start < 15.0  # step by step it takes a minute
    names = [str(node.target) for node in exported.graph.nodes if node.op == "call_function"]
    assert names.count("aten.lstm.input") == names.count("aten.gru.input") == 1
    output = next(node for node in exported.graph.nodes if node.op == "output")
    with torch.no_grad():
        expected, actual = model(x), exported.module()(x)
    for node, real, found in zip(output.args[0], expected, actual, strict=True):
        assert node.meta["val"].shape == real.shape
        torch.testing.assert_close(found, real)


def test_torch_is_left_as_it_was() -> None:
    """Behind the block, and behind an error in it, fake tensors run torch's own decomposition again."""
    before = dict(torch.ops.aten.gru.input.py_kernels)
    for error in (None, RuntimeError):
        try:
            with recurrent_layers_whole():
                assert torch.ops.aten.gru.input.py_kernels != before
                if error:
                    raise error
        except RuntimeError:
            pass
        assert torch.ops.aten.gru.input.py_kernels == before
