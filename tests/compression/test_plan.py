"""A plan gives every activation the type that its recipe, its readers and the sensor ask for."""

import pytest
import torch
from small_models import Chain, lowered, normal
from torch import Tensor, nn
from torch.nn import functional as F

from smidgen.compression import FloatProgram, Input, Plan, Recipe, Rule, calibrate, find_recipe, import_model, make_plan
from smidgen.compression.structure import op_name
from smidgen.errors import ConfigError, GraphError
from smidgen.ir import Quantity
from smidgen.models import MambaConfig, MambaEncoder
from smidgen.models.selective_scan import selective_scan
from smidgen.numerics.recurrent import HIDDEN


def planned(model: nn.Module, *inputs: Tensor) -> tuple[FloatProgram, Plan]:
    """Return a module's program, and its int8 plan from calibration on the inputs themselves."""
    program = import_model(model.eval(), inputs)
    return program, make_plan(program, calibrate(program, inputs), find_recipe("int8-pure"))


def types(program: FloatProgram, plan: Plan, name: str) -> list[str]:
    """Return the types of the planned results of an operator."""
    return [
        plan.qparams[node.name].dtype for node in program.nodes if op_name(node) == name and node.name in plan.qparams
    ]


def test_rules_choose_by_label() -> None:
    """By the operator, by the module's path, by the reader."""
    rules = {
        "*:sigmoid": ("sigmoid", ["int16"]),
        "second:*": ("linear", ["int16"]),
        "feeds:output": ("add", ["int16"]),
        "feeds:linear": ("mul", ["int16"]),
        "first:linear": ("getitem", ["int16", "int16"]),
    }
    program = import_model(Chain(), normal(2, 6, 4))
    calibration = calibrate(program, normal(20, 6, 4))
    for match, (name, expected) in rules.items():
        recipe = Recipe(name="r", rules=(Rule(match=match, activation="int16"),))
        plan = make_plan(program, calibration, recipe)
        assert types(program, plan, name) == expected, match


def test_a_rule_that_matches_nothing_is_refused() -> None:
    """A misspelt rule names the nearest label; the patterns of built-in recipes need not occur in every model."""
    program = import_model(Chain(), normal(2, 6, 4))
    calibration = calibrate(program, normal(20, 6, 4))
    rules = (*find_recipe("int8").rules, Rule(match="secnd:linear", activation="int16"))
    with pytest.raises(ConfigError, match=r"'secnd:linear' matches no activation .*; did you mean 'second:linear'"):
        make_plan(program, calibration, Recipe(name="r", rules=rules))


def test_products_of_two_activations_are_symmetric() -> None:
    """Both factors of a gate, q, k and v have zero point 0, and so nothing but plain products is left to compute."""

    class Attend(nn.Module):
        def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return F.scaled_dot_product_attention(F.relu(q), k, v) * q

    inputs = [normal(8, 2, 5, 4, seed=i) + 1.0 for i in range(3)]
    program, plan = planned(Attend(), *inputs)
    symmetric = [plan.qparams[node.name] for node in program.nodes if op_name(node) in ("input", "relu")]
    assert [qparams.zero_point for qparams in symmetric] == [0] * 4
    (product,) = [plan.qparams[node.name] for node in program.nodes if op_name(node) == "mul"]
    assert product.zero_point != 0


def test_a_scan_gets_what_its_contract_asks_for() -> None:
    """delta, B and C are int16 whatever the recipe says; u as it says, symmetric, and by default int16 too."""

    class Scan(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.A = nn.Parameter(-torch.ones(3, 2))

        def forward(self, u: Tensor, B: Tensor) -> Tensor:
            return selective_scan(u, torch.sigmoid(u), self.A, B, B * 0.5, torch.ones(3))

    inputs = (normal(8, 5, 3) + 1.0, normal(8, 5, 2))
    program, plan = planned(Scan(), *inputs)
    assert types(program, plan, "input") == ["int8", "int16"]
    assert plan.qparams[program.input_names[0]].zero_point == 0
    assert types(program, plan, "sigmoid") == types(program, plan, "mul") == ["int16"]
    by_default = make_plan(program, calibrate(program, inputs), find_recipe("int8"))
    assert types(program, by_default, "input") == ["int16", "int16"]
    assert types(program, plan, "selective_scan") == ["int8"]


def test_a_rule_of_states_must_name_a_scan() -> None:
    """A rule that would change no scan's state is answered with the nearest scan, though activations match it."""
    torch.manual_seed(0)
    model = MambaEncoder(MambaConfig(d_input=4, d_model=4)).eval()
    program = import_model(model, (normal(8, 5, 4),))
    calibration = calibrate(program, normal(8, 5, 4))
    recipe = Recipe(name="r", rules=(Rule(match="*:linear", scan_state="int16"),))
    with pytest.raises(ConfigError, match=r"rule '\*:linear' matches no selective scan of the model; .*selective_scan"):
        make_plan(program, calibration, recipe)
    make_plan(program, calibration, Recipe(name="r", rules=(Rule(match="*:selective_scan", scan_state="int16"),)))


def test_a_gru_gives_q15() -> None:
    """Its hidden state has the scale of its kernel."""

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(4, 3, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.gru(x)[0]

    _, plan = planned(Last(), normal(8, 5, 4))
    assert HIDDEN in plan.qparams.values()


def test_parts_of_a_concatenation_share_its_scale() -> None:
    """What only a concatenation reads needs no change of scale; an input and a shared part keep their own."""

    class Joined(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            alone, shared = torch.sigmoid(x), torch.tanh(x) * 4.0
            return torch.cat([alone, shared, x], dim=-1) + torch.cat([shared, alone * 0.0, x], dim=-1)

    program, plan = planned(Joined(), normal(8, 4))
    nodes = {op_name(node): node.name for node in program.nodes}
    joined = [plan.qparams[node.name] for node in program.nodes if op_name(node) == "cat"]
    assert plan.qparams[nodes["input"]] not in joined


def test_layout_keeps_the_scale_of_its_source() -> None:
    """Transposes, views and slices are planned as what they move."""

    class Moved(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.sigmoid(x).transpose(1, 2)[:, :3].flatten(1)

    program, plan = planned(Moved(), normal(8, 5, 4))
    moved = [
        plan.qparams[node.name] for node in program.nodes if node.op == "call_function" and node.name in plan.qparams
    ]
    assert len(set(moved)) == 1


def test_the_sensor_decides_over_calibration() -> None:
    """A declared input has exactly what was declared."""
    program = import_model(Chain(), normal(2, 6, 4))
    declared = {"x": Input(dtype="int8", scale=1.0, zero_point=-5)}
    plan = make_plan(program, calibrate(program, normal(20, 6, 4)), find_recipe("int16"), declared)
    assert plan.qparams["x"] == declared["x"].qparams


@pytest.mark.parametrize("recipe", ["int8", "float32"])
def test_what_an_input_is_reaches_the_graph(recipe: str) -> None:
    """Unit, axes and description follow the input under every recipe; without a type, calibration decides the scale."""
    x = normal(20, 6, 4)
    declared = {"x": Input(unit="g", axes=("time", "channel"), description="at the wrist")}
    plain, told = lowered(Chain(), (x,), recipe), lowered(Chain(), (x,), recipe, declared)
    assert told.graph["x"].quantity == Quantity(unit="g", axes=("time", "channel"), description="at the wrist")
    assert told.graph["x"].qparams == plain.graph["x"].qparams
    assert plain.graph["x"].quantity == Quantity()


def test_a_half_declared_input_is_refused() -> None:
    """A type without a scale says nothing; axes must be as many as the input has; text is one printable line."""
    with pytest.raises(ConfigError, match="by type and scale together, got dtype='int8', scale=None"):
        Input(dtype="int8")
    with pytest.raises(GraphError, match=r"one line of printable text, got 'dBm\\n'"):
        Input(unit="dBm\n")
    with pytest.raises(
        ConfigError, match=r"input x has shape \(6, 4\) without batch, but 1 names of axes: \('time',\)"
    ):
        lowered(Chain(), (normal(2, 6, 4),), "float32", {"x": Input(axes=("time",))})


def test_a_float_recipe_plans_nothing() -> None:
    """No calibration is needed, and no activation has integers."""
    program = import_model(Chain(), normal(2, 6, 4))
    assert make_plan(program, None, find_recipe("float32")).qparams == {}


def test_what_is_missing_or_unknown_is_refused() -> None:
    """An input that the model does not have, missing windows, and integers that do not exist."""
    program = import_model(Chain(), normal(2, 6, 4))
    with pytest.raises(ConfigError, match="the model has no input 'rssi'; its inputs are x"):
        make_plan(program, None, find_recipe("int8"), {"rssi": Input(dtype="int8", scale=1.0)})
    with pytest.raises(ConfigError, match="recipe int8 needs calibration windows; pass calibration="):
        make_plan(program, None, find_recipe("int8"))
    with pytest.raises(GraphError, match="int16 activations are symmetric"):
        make_plan(
            program, calibrate(program, normal(2, 6, 4)), find_recipe("int8"),
            {"x": Input(dtype="int16", scale=1.0, zero_point=3)},
        )  # fmt: skip
