"""Recurrent layers and cells of torch, in every form in which people call them, mean the same as in PyTorch."""

from collections.abc import Callable
from functools import cache

import pytest
import torch
from small_models import Lowered, lowered, normal, sqnr_db
from torch import Tensor, nn

from smidgen.compression import Recipe, import_model
from smidgen.errors import ExportError, UnsupportedError
from smidgen.ir.ops import states_of
from smidgen.models import MambaConfig, MambaEncoder, selective_scan, ssd_scan

X = normal(48, 7, 4)
#: Against PyTorch; int8 weights limit what int16 activations can reach.
FLOOR_DB = {"float32": 120.0, "int16": 42.0, "int8": 42.0}

Written = Callable[["Layers", Tensor], Tensor]


class Layers(nn.Module):
    """Functions of one input (b, 7, 4) as the outputs of one model, with the layers that they need."""

    def __init__(self, *written: Written, **layers: nn.Module | nn.Parameter) -> None:
        super().__init__()
        self.written = written
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(function(self, x) for function in self.written)


def from_first(layer: nn.Module, x: Tensor, *first: Tensor) -> Tensor:
    """Run an LSTM of one layer from states (1, h) that are the same for every sample."""
    states = tuple(state.unsqueeze(1).expand(-1, x.shape[0], -1) for state in first)
    return layer(x, states)[0]


def sub_windows(x: Tensor) -> Tensor:
    """Return three overlapping windows of each sample as a batch of sequences (3 b, 3, 4)."""
    return x.unfold(1, 3, 2).transpose(2, 3).reshape(-1, 3, 4)


torch.manual_seed(0)
MODELS = {
    "gru": Layers(
        lambda m, x: m.one(x)[0],
        lambda m, x: m.one(x)[1][-1],
        lambda m, x: m.deep(x)[0][:, -1],
        lambda m, x: m.deep(x)[1].transpose(0, 1),
        lambda m, x: m.both(x)[0],
        lambda m, x: torch.cat([m.both(x)[1][-2], m.both(x)[1][-1]], dim=1),
        lambda m, x: m.time_first(x.transpose(0, 1))[0].transpose(0, 1),
        lambda m, x: m.time_first(x.permute(1, 0, 2))[0][-1],
        lambda m, x: m.one(x, m.first.unsqueeze(1).expand(-1, x.shape[0], -1))[0],
        lambda m, x: m.one(x, torch.tanh(m.start(x[:, 0])).unsqueeze(0))[0],
        one=nn.GRU(4, 5, batch_first=True), deep=nn.GRU(4, 5, num_layers=2, bias=False, batch_first=True, dropout=0.3),
        both=nn.GRU(4, 3, num_layers=2, bidirectional=True, batch_first=True), time_first=nn.GRU(4, 5),
        first=nn.Parameter(normal(1, 5)), start=nn.Linear(4, 5),
    ),
    "lstm": Layers(
        lambda m, x: m.one(x)[0],
        lambda m, x: m.one(x)[1][0].squeeze(0),
        lambda m, x: m.one(x)[1][1].squeeze(0),
        lambda m, x: m.deep(x)[1][1].permute(1, 0, 2),
        lambda m, x: m.both(x)[0],
        lambda m, x: torch.cat((m.both(x)[1][1][0], m.both(x)[1][1][1]), dim=-1),
        lambda m, x: m.time_first(x.transpose(0, 1))[0].transpose(0, 1),
        lambda m, x: from_first(m.one, x, m.hidden, m.cell),
        lambda m, x: m.one(m.deep(x)[0], m.one(x)[1])[0],
        one=nn.LSTM(4, 4, batch_first=True), deep=nn.LSTM(4, 4, num_layers=2, bias=False, batch_first=True),
        both=nn.LSTM(4, 3, bidirectional=True, batch_first=True), time_first=nn.LSTM(4, 5),
        hidden=nn.Parameter(normal(1, 4) * 2), cell=nn.Parameter(normal(1, 4, seed=1) * 3),
    ),
    "rnn": Layers(
        lambda m, x: m.tanh(x)[0],
        lambda m, x: m.relu(x)[0],
        lambda m, x: m.relu(x)[1][0],
        lambda m, x: m.both(x)[0],
        lambda m, x: m.relu(x, m.first.unsqueeze(1).repeat(1, x.shape[0], 1))[0],
        tanh=nn.RNN(4, 5, batch_first=True), first=nn.Parameter(normal(1, 5) * 3),
        relu=nn.RNN(4, 5, nonlinearity="relu", batch_first=True),
        both=nn.RNN(4, 3, num_layers=2, nonlinearity="relu", bidirectional=True, bias=False, batch_first=True),
    ),
    "cells": Layers(
        lambda m, x: m.gru(x[:, 0], m.gru(x[:, 1])),
        lambda m, x: m.lstm(x[:, 0], m.lstm(x[:, 1]))[0],
        lambda m, x: m.lstm(x[:, 2])[1],
        lambda m, x: m.tanh(x[:, 0], x[:, 1, :3]),
        lambda m, x: m.relu(x[:, 0], m.relu(x[:, 1])),
        gru=nn.GRUCell(4, 3), lstm=nn.LSTMCell(4, 3), tanh=nn.RNNCell(4, 3, bias=False),
        relu=nn.RNNCell(4, 3, nonlinearity="relu"),
    ),
    "sub-windows": Layers(
        lambda m, x: m.gru(sub_windows(x))[1][-1].reshape(len(x), 3, -1),
        lambda m, x: m.lstm(sub_windows(x))[1][1][0].view(x.shape[0], -1),
        lambda m, x: from_first(m.lstm, sub_windows(x), m.hidden, m.cell).reshape(-1, 3, 3, 4),
        lambda m, x: m.rnn(sub_windows(x), torch.tanh(sub_windows(x)[:, 0, :3]).unsqueeze(0))[0].reshape(len(x), 9, 3),
        gru=nn.GRU(4, 3, bidirectional=True, batch_first=True), lstm=nn.LSTM(4, 4, batch_first=True),
        hidden=nn.Parameter(normal(1, 4) * 2), cell=nn.Parameter(normal(1, 4, seed=1) * 3),
        rnn=nn.RNN(4, 3, nonlinearity="relu", batch_first=True),
    ),
    "scan backwards": Layers(
        lambda m, x: selective_scan(
            x, torch.sigmoid(x - 2.0), -torch.exp(m.A), x[..., :3], x[..., 1:].sigmoid(), m.D, True
        ),
        A=nn.Parameter(normal(4, 3, seed=7) * 0.5), D=nn.Parameter(normal(4, seed=8)),
    ),
}  # fmt: skip


@cache
def model(name: str, recipe: str) -> Lowered:
    """Return a model on every rung; what is exported once serves all recipes."""
    program = import_model(MODELS[name].eval(), (X,)) if recipe == "float32" else model(name, "float32").program
    return lowered(program, (X,), recipe)


@pytest.mark.parametrize("recipe", FLOOR_DB)
@pytest.mark.parametrize("name", MODELS)
def test_recurrences_follow_pytorch(name: str, recipe: str) -> None:
    """Layers, directions, biases, time first or second, first states and last ones, cells: above the floor each."""
    with torch.no_grad():
        exact = [value.double().numpy() for value in MODELS[name].eval()(X)]
    rungs = model(name, recipe)
    results = zip(exact, rungs.integers((X,)), rungs.fake_quantized((X,)), strict=True)
    for index, (real, found, simulated) in enumerate(results):
        assert found.shape == real.shape, index
        assert sqnr_db(found, real) >= FLOOR_DB[recipe], index
        assert sqnr_db(found, simulated) >= FLOOR_DB[recipe], index


def test_directions_are_flags_not_copies() -> None:
    """A bidirectional layer flips no tensor: its second half carries the attribute `reverse`."""
    rungs = lowered(Layers(MODELS["gru"].written[4], both=MODELS["gru"].both), (X,))
    layers = [op for op in rungs.graph.ops if op.kind == "gru"]
    assert [op.attrs["reverse"] for op in layers] == [False, True, False, True]
    assert {op.kind for op in rungs.graph.ops} == {"linear", "gru", "concat"}


def test_sub_windows_share_their_weights() -> None:
    """A layer over three windows of a sample stands three times, with the same arrays; C gives the same bytes."""
    rungs = model("sub-windows", "int8")
    layers = [op for op in rungs.graph.ops if op.kind == "gru"]
    assert len(layers) == 3
    assert all((op.params["weight"] == layers[0].params["weight"]).all() for op in layers)
    assert rungs.host_mismatches((X,)) == 0


def test_a_last_cell_costs_no_second_run() -> None:
    """c_n is another result of the layer that gives h."""
    rungs = lowered(Layers(*MODELS["lstm"].written[:3], one=MODELS["lstm"].one), (X,))
    assert [op.kind for op in rungs.graph.ops].count("lstm") == 3  # called three times by the model
    assert sum(len(op.more) for op in rungs.graph.ops) == 1


class Packed(nn.Module):
    """A GRU over sequences of different lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(4, 5, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        lengths = torch.full((x.shape[0],), 3)
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.gru(packed)[1][-1]


def test_packed_sequences_are_refused_with_advice() -> None:
    """torch.export stumbles over them; the message says what to do instead."""
    with pytest.raises(ExportError, match=r"it packs sequences by their lengths; pad them to one length"):
        import_model(Packed().eval(), (X,))


def test_a_projected_state_is_refused() -> None:
    """proj_size has no lowering; the message names the layer's line and what to write."""
    layer = nn.LSTM(4, 5, proj_size=2, batch_first=True)
    with pytest.raises(
        UnsupportedError, match=r"lstm: its state is projected .* use proj_size=0 .*test_recurrences.py"
    ):
        import_model(Layers(lambda m, x: m.projected(x)[0], projected=layer).eval(), (X,))


class HeadsOfScalarDecay(nn.Module):
    """The scan of Mamba-2 with two groups, its inputs made of one input."""

    def __init__(self) -> None:
        super().__init__()
        self.values, self.steps, self.pairs = nn.Linear(4, 12), nn.Linear(4, 4), nn.Linear(4, 12)
        self.A_log, self.D = nn.Parameter(normal(4, seed=1)), nn.Parameter(normal(4, seed=2))

    def forward(self, x: Tensor) -> Tensor:
        B, C = self.pairs(x).reshape(-1, 7, 2, 2, 3).unbind(2)
        dt = nn.functional.softplus(self.steps(x) - 2.0)
        return ssd_scan(self.values(x).reshape(-1, 7, 4, 3), dt, -torch.exp(self.A_log), B, C, self.D).flatten(2)


@pytest.mark.parametrize("recipe", FLOOR_DB)
def test_scalar_decays_take_one_exponential_a_head(recipe: str) -> None:
    """Mamba-2's scan follows PyTorch, with 4 decays for 12 channels of 3 states."""
    torch.manual_seed(0)
    model = HeadsOfScalarDecay().eval()
    rungs = lowered(model, (X,), recipe)
    with torch.no_grad():
        floor = 30.0 if recipe == "int8" else FLOOR_DB[recipe]
        assert sqnr_db(rungs.integers((X,))[0], model(X).double().numpy()) >= floor
    scan = next(op for op in rungs.graph.ops if op.kind == "selective_scan")
    assert scan.params["A" if recipe == "float32" else "decay_multiplier"].shape == (4, 1)
    assert scan.attrs["groups"] == 2


@pytest.mark.parametrize("recipe", FLOOR_DB)
def test_a_mamba_as_it_starts_takes_one_exponential_a_channel(recipe: str) -> None:
    """A = -1..-n in every channel: integers keep one multiplier, and powers of each channel's decay."""
    torch.manual_seed(0)
    model = MambaEncoder(MambaConfig(d_input=4, d_model=4)).eval()
    rungs = lowered(model, (X,), recipe)
    with torch.no_grad():
        floor = {"float32": 110.0, "int16": 42.0, "int8": 30.0}[recipe]
        assert sqnr_db(rungs.integers((X,))[0], model(X).double().numpy()) >= floor
    scan = next(op for op in rungs.graph.ops if op.kind == "selective_scan")
    if recipe != "float32":
        assert (scan.params["decay_multiplier"].shape, scan.attrs["chain"]) == ((1, 1), True)


@pytest.mark.parametrize("model", [HeadsOfScalarDecay, lambda: MambaEncoder(MambaConfig(d_input=4, d_model=4))])
def test_states_of_16_bits_follow_pytorch(model: Callable[[], nn.Module]) -> None:
    """Mamba and Mamba-2 in int16 with half the bytes of state lose less than 1 dB; C gives the same bytes."""
    torch.manual_seed(0)
    module = model().eval()
    with torch.no_grad():
        exact = module(X).double().numpy()
    wide = lowered(module, (X,), "int16")
    narrow = lowered(module, (X,), Recipe(name="narrow", activation="int16", scan_state="int16"))
    reached = [sqnr_db(rungs.integers((X,))[0], exact) for rungs in (wide, narrow)]
    assert reached[1] >= reached[0] - 1.0
    assert narrow.host_mismatches((X,)) == 0
    sizes = []
    for rungs in (wide, narrow):
        (scan,) = (op for op in rungs.graph.ops if op.kind == "selective_scan")
        states = {state.role: state for state in states_of(rungs.graph, scan)}
        sizes.append(states["state"].n_bytes)
    assert sizes[0] == 2 * sizes[1]
    assert states["dither"].n_bytes == 4
