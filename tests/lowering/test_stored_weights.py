"""Recipes choose how the weights of a layer are stored, by name; what cannot be stored so is refused by name."""

import numpy as np
import pytest
import torch
from small_models import Chain, lowered, normal
from torch import nn

from smidgen.compression import Recipe, Rule
from smidgen.compression.codecs import CODECS, Codec, Palette, Uniform
from smidgen.errors import ConfigError, UnsupportedError
from smidgen.fidelity import sqnr_db
from smidgen.ir import Graph
from smidgen.numerics.nibbles import nibble_weights

INT4 = CODECS["int4"]


def _recipe(*rules: Rule, weight: Codec | None = None, activation: str = "int8") -> Recipe:
    return Recipe(name="stored", activation=activation, weight=weight or Uniform(), rules=rules)


def _roles(graph: Graph) -> dict[str, set[str]]:
    """Return by op in which arrays its weight stands."""
    return {op.name: set(op.params) & {"weight", "packed", "levels"} for op in graph.ops if "multiplier" in op.params}


def test_each_layer_is_stored_as_its_rule_says() -> None:
    """By label, the parts of a layer that is split as the layer; the recipe's codec where no rule matches."""
    recipe = _recipe(Rule(match="first:*", weight=Palette()), weight=INT4)
    graph = lowered(Chain(), (normal(8, 6, 4),), recipe).graph
    assert _roles(graph) == {"first.0": {"packed", "levels"}, "first.1": {"packed", "levels"}, "second": {"packed"}}


@pytest.mark.parametrize("codec", [INT4, Palette()], ids=["int4", "palette"])
def test_integers_equal_the_fake_quantised_program(codec: Codec) -> None:
    """Both round the weights to the same values, those of each part of a split layer by themselves: at 16 bits
    only the rounding of activations is left between them. C gives the bytes of the reference."""
    x = (normal(40, 6, 4),)
    rungs = lowered(Chain(), x, _recipe(weight=codec, activation="int16"))
    (found,), (simulated,) = rungs.integers(x), rungs.fake_quantized(x)
    assert sqnr_db(found, simulated) > 60
    with torch.no_grad():
        (exact,) = (value.double().numpy() for value in rungs.program.run(x))
    assert sqnr_db(found, exact) > 20
    assert rungs.host_mismatches(x) == 0


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(nn.Linear(64, 2), (64,)), (nn.Conv1d(16, 2, 4), (16, 4)), (nn.ConvTranspose1d(64, 2, 1), (64, 4))],
    ids=["linear", "convolution", "transposed convolution"],
)
def test_weights_beside_a_large_bias_keep_the_same_levels_on_both_rungs(
    layer: nn.Module, shape: tuple[int, ...]
) -> None:
    """A bias a thousand times what a weight adds leaves one channel about 33 levels: fake quantisation rounds to those.

    By its own 127 levels the channel would be exact, several steps of the result away from the integers.
    """
    with torch.no_grad():
        for weight in layer.parameters():
            weight.fill_(1.0)
        layer.bias.copy_(torch.tensor([1000.0, 0.0]))
    x = (normal(20, *shape).clamp(-1.0, 1.0).abs(),)
    rungs = lowered(nn.Sequential(layer), x, _recipe(activation="int16"))
    (found,), (simulated,) = rungs.integers(x), rungs.fake_quantized(x)
    result = rungs.graph[rungs.graph.outputs[0]].qparams
    assert result is not None
    np.testing.assert_allclose(simulated, found, atol=1.01 * result.scale)


def test_a_gate_without_recurrent_weights_keeps_its_bias() -> None:
    """Rows of zeros, as pruning leaves them, take a scale in which the bias fits the accumulator."""
    layer = nn.GRU(3, 4, batch_first=True)
    with torch.no_grad():
        layer.weight_hh_l0[:4] = 0.0
        layer.bias_hh_l0[:4] = 2.0

    class States(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            states: torch.Tensor = self.layer(x)[0]
            return states

    x = (normal(16, 6, 3),)
    rungs = lowered(States(), x)
    (found,), (simulated,) = rungs.integers(x), rungs.fake_quantized(x)
    with torch.no_grad():
        exact = layer(*x)[0].numpy()
    assert sqnr_db(found, simulated) > 40
    assert sqnr_db(found, exact) > 25


def test_the_graph_holds_what_the_codec_encoded() -> None:
    """Bytes and levels decode to the integers that the codec chose, rows of an odd number of columns too."""
    layer = nn.Linear(7, 3, bias=False)
    x, weight = (normal(20, 7),), layer.weight.detach().numpy()
    for codec in (INT4, Palette()):
        (op,) = lowered(nn.Sequential(layer), x, _recipe(weight=codec)).graph.ops
        levels = {"levels": op.params["levels"]} if "levels" in op.params else {}
        stored = nibble_weights(op.params["packed"], 7, **levels)
        np.testing.assert_array_equal(codec.encode(weight).integers, stored)


@pytest.mark.parametrize(
    ("layer", "shape", "name"),
    [(nn.Conv1d(4, 4, 3), (4, 9), "0:conv1d"), (nn.GRU(4, 4, batch_first=True), (6, 4), ":gru")],
    ids=["convolution", "recurrent layer"],
)
def test_layers_that_do_not_compute_from_packed_weights_are_refused(
    layer: nn.Module, shape: tuple[int, ...], name: str
) -> None:
    """The message has the layer, the codec and the rule that stores it otherwise, which then is enough."""

    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Sequential(layer)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result = self.layer(x)
            return result if isinstance(result, torch.Tensor) else result[0]

    x = (normal(8, *shape),)
    with pytest.raises(UnsupportedError, match="cannot be stored as int4: only linear layers") as told:
        lowered(First(), x, _recipe(weight=INT4))
    rule = str(told.value).partition('match = "')[2].partition('"')[0]
    assert rule.endswith(name)
    graph = lowered(First(), x, _recipe(Rule(match=rule, weight=Uniform()), weight=INT4)).graph
    assert {"weight"} in _roles(graph).values()


def test_weights_that_lowering_makes_up_keep_eight_bits() -> None:
    """A pooling whose windows are of several sizes is a product with shares of one, which no recipe means."""
    graph = lowered(nn.AdaptiveAvgPool1d(4), (normal(8, 3, 7),), _recipe(weight=Palette())).graph
    assert list(_roles(graph).values()) == [{"weight"}]


def test_a_rule_that_matches_no_weight_is_refused() -> None:
    """A label that an activation has and no weight is none: the nearest weight is named."""
    with pytest.raises(ConfigError, match=r"rule '\*:add' matches no weight of the model; .*"):
        lowered(Chain(), (normal(8, 6, 4),), _recipe(Rule(match="*:add", weight=INT4)))
    with pytest.raises(ConfigError, match=r"rule 'frst:linear' matches no weight of the model; .*first:linear"):
        lowered(Chain(), (normal(8, 6, 4),), _recipe(Rule(match="frst:linear", weight=INT4)))


class _LearnedQueries(nn.Module):
    """Queries that a layer makes of constants, added to what is given."""

    def __init__(self) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(3, 8, generator=torch.Generator().manual_seed(0)))
        self.project = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.project(self.queries.transpose(0, 1).transpose(0, 1))


def test_the_weight_of_a_layer_of_constants_is_not_stored() -> None:
    """Its result is, so fake quantisation rounds that alone: there is no type of the layer's input to store it by."""
    x = (normal(40, 3, 4),)
    rungs = lowered(_LearnedQueries(), x, _recipe(weight=INT4))
    (found,), (simulated,) = rungs.integers(x), rungs.fake_quantized(x)
    assert "linear" not in {op.kind for op in rungs.graph.ops}
    assert sqnr_db(found, simulated) > 35
    assert rungs.host_mismatches(x) == 0
