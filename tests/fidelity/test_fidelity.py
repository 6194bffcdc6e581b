"""Where accuracy goes: by layer, in both executions, with a recipe that brings it back."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from room_models import compiled, windows
from torch import nn

import smidgen
from smidgen.compression.recipe import Recipe, Rule, find_recipe
from smidgen.errors import ConfigError
from smidgen.fidelity import Advice, CheckReport
from smidgen.models import selective_scan


class Outlier(nn.Module):
    """Products of two branches of which one has a rare large channel: int8 cannot hold both."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.wide, self.gate, self.out = nn.Linear(6, 12), nn.Linear(6, 12), nn.Linear(12, 3)
        with torch.no_grad():
            self.wide.weight[0] *= 200.0
            self.out.weight[:, 0] *= 1e-4

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.wide(x) * torch.sigmoid(self.gate(x)))


@pytest.fixture(scope="module")
def poor() -> CheckReport:
    """A check of a model whose int8 outputs are poor."""
    x = torch.randn(64, 5, 6, generator=torch.Generator().manual_seed(1))
    firmware = smidgen.compile(Outlier(), x[:2], calibration=x, recipe="int8-pure", name="outlier")
    return firmware.check(x, emulate=1)


def test_the_layer_that_loses_is_named(poor):
    """The branch with the outlier loses by its own rounding, and the report names it."""
    wide = next(layer for layer in poor.layers if layer.name == "wide")
    others = [layer for layer in poor.layers if layer.name in ("gate", "sigmoid")]
    assert poor.sqnr_db < 25.0
    assert "wide" in {wide.name, poor.worst_layer.name}
    assert poor.worst_layer.name in str(poor)
    assert all(other.sqnr_db > 30.0 for other in others)


def test_advice_restores_the_outputs_when_followed(poor, tmp_path):
    """The recipe file that the report prints compiles, and gives the ratio that it promises."""
    assert isinstance(poor.advice, Advice)
    assert poor.advice.after_db >= 25.0 > poor.advice.before_db
    lines = str(poor.advice).splitlines()[1:]
    path = tmp_path / "better.toml"
    path.write_text("\n".join(line.strip() for line in lines))
    x = torch.randn(64, 5, 6, generator=torch.Generator().manual_seed(1))
    better = smidgen.compile(Outlier(), x[:2], calibration=x, recipe=path, name="outlier").check(x, emulate=1)
    assert better.sqnr_db == pytest.approx(poor.advice.after_db, abs=0.01)
    assert better.advice is None


def test_no_advice_where_outputs_are_good():
    """A good program is left alone."""
    report = compiled("gru", "int8").check(windows(20, seed=3), emulate=1)
    assert report.sqnr_db >= 25.0
    assert report.advice is None


def test_the_three_ratios_part_the_loss():
    """Rounding alone costs no more than all rounding before it; integers lie near fake quantisation."""
    report = compiled("transformer", "int8").check(windows(50, seed=3), emulate=1)
    quantised = [layer for layer in report.layers if np.isfinite(layer.sqnr_db)]
    assert len(quantised) >= 10
    assert all(layer.own_db >= layer.fake_db - 1.0 for layer in quantised)
    assert all(layer.sqnr_db >= layer.fake_db - 6.0 for layer in quantised)


def test_values_beyond_the_calibrated_range_are_counted():
    """Inputs four times as large as calibration's saturate, and the report says in which layers and how often."""
    calm = compiled("gru", "int8").check(windows(20, seed=3), emulate=1)
    rssi, motion = windows(20, seed=3)
    loud = compiled("gru", "int8").check((rssi, motion * 40), emulate=1)
    assert sum(loud.saturated.values()) > sum(calm.saturated.values())
    assert f"values beyond the calibrated range: {sum(loud.saturated.values()):,}" in str(loud)


def test_states_that_are_held_are_counted():
    """A drive that lasts 60 times as long as in calibration fills a state of 16 bits; the scan's layer counts it."""

    class Sum(nn.Module):
        def forward(self, u: torch.Tensor, delta: torch.Tensor, pair: torch.Tensor) -> torch.Tensor:
            return torch.tanh(selective_scan(u, delta, torch.full((1, 2), -1e-3), pair, pair, torch.zeros(1)))

    def driven(length: int) -> tuple[torch.Tensor, ...]:
        u = torch.zeros(4, 240, 1)
        u[:, :length] = 1.0
        return u, torch.full((4, 240, 1), 0.1), torch.ones(4, 240, 2)

    recipe = replace(find_recipe("int16"), name="narrow", scan_state="int16")
    firmware = smidgen.compile(Sum(), driven(4), calibration=driven(4), recipe=recipe, name="summed")
    held = []
    for length in (4, 240):
        report = firmware.check(driven(length), emulate=1)
        (layer,) = (layer for layer in report.layers if layer.op == "selective_scan")
        held.append(layer.saturated)
        assert layer.values == 4 * 240 * (1 + 2)
        assert report.mismatched_bytes == 0
    assert held[0] == 0
    assert held[1] >= 4 * 2 * 200


def test_a_fault_is_found_on_the_host_and_on_the_core_and_its_tensors_are_kept(tmp_path):
    """A kernel that rounds wrongly diverges at the same layer in both executions; the dump holds both sides."""
    broken = compiled("transformer", "int8")
    source = broken.program.files["rooms_kernels.h"]
    planted = source.replace("* b) + ((int64_t)1 << 31)) >> 32)", "* b)) >> 32)")
    assert planted != source
    broken.program = replace(broken.program, files={**broken.program.files, "rooms_kernels.h": planted})
    del broken.__dict__["_runner"]  # so that it is built again, from the broken C
    report = broken.check(windows(8, seed=6), dump=tmp_path)
    assert report.mismatched_bytes > 0
    assert {found.execution for found in report.divergences} == {"host", "emulated cortex-m4"}
    assert len({found.layer for found in report.divergences}) == 1
    layer = next(layer for layer in broken.program.layers if layer.name == report.first_divergent_layer)
    assert {path.name.partition("-sample")[0] for path in report.tensors} == {"host", "emulated cortex-m4"}
    for path in report.tensors:
        with np.load(path) as dumped:
            tensor = layer.result.tensor
            assert not np.array_equal(dumped[f"expected/{tensor}"], dumped[f"actual/{tensor}"])
            assert f"expected/{broken.graph.inputs[0]}" in dumped


def test_the_report_is_plain_json_and_the_table_names_every_layer(poor):
    """`to_dict` passes JSON without NaN or infinity; the table has a row for every layer."""
    text = json.dumps(poor.to_dict(), allow_nan=False)
    assert json.loads(text)["advice"]["after_db"] == poor.advice.after_db
    table = poor.table()
    assert all(layer.name in table for layer in poor.layers)


def test_a_recipe_file_may_extend_another(tmp_path):
    """`extends` puts the rules of a known recipe before those of the file; an unknown base is refused."""
    path = tmp_path / "mine.toml"
    path.write_text('extends = "int8"\n[[rules]]\nmatch = "head:linear"\nactivation = "int16"\n')
    recipe = find_recipe(path)
    base = find_recipe("int8")
    assert isinstance(recipe, Recipe)
    assert recipe.rules == (*base.rules, Rule(match="head:linear", activation="int16"))
    path.write_text('extends = "int9"\n')
    with pytest.raises(ConfigError, match=r"unknown recipe 'int9'; did you mean 'int8'\?"):
        find_recipe(path)
