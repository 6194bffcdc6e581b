"""A small classifier with weights of four bits: the same bytes everywhere, less flash, and how much is lost."""

from pathlib import Path

import pytest
import torch
from small_models import normal
from torch import nn

import smidgen
from smidgen.firmware import Firmware

#: Just below what weights of four bits leave of an untrained network, whose weights are evenly distributed.
FLOORS_DB = {"int4": 16.5, "palette16": 16.5}


def _classifier() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3)).eval()


def _compiled(folder: Path, weight: str, target: str = "cortex-m4") -> Firmware:
    """Compile with the weights of all layers stored so, by a recipe's file."""
    recipe = folder / "stored.toml"
    recipe.write_text(f'extends = "int8"\nweight = "{weight}"\n')
    windows = normal(128, 24)
    return smidgen.compile(_classifier(), windows[:1], calibration=windows, target=target, recipe=recipe, name="packed")


@pytest.mark.parametrize("weight", ["int4", "palette16"])
@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m33", "cortex-m3", "cortex-m0plus", "rv32imc"])
def test_every_execution_agrees(tmp_path: Path, weight: str, target: str) -> None:
    """Reference, host and core give the same bytes, and the outputs are as near as four bits allow."""
    report = _compiled(tmp_path, weight, target).check(normal(20, 24, seed=1), emulate=20)
    assert (report.mismatched_bytes, report.n_emulated) == (0, 20)
    assert report.sqnr_db > FLOORS_DB[weight]


def test_flash_is_smaller(tmp_path: Path) -> None:
    """5,824 weights take 2,912 bytes less; each palette has a table of 1,024 bytes, once where it is shared."""
    weights = ("int8", "int4", "palette16-normal", "palette16")
    flash = {weight: _compiled(tmp_path, weight).measurement.flash_bytes for weight in weights}
    assert flash["int8"] - flash["int4"] > 2000  # the kernel for three outputs comes along
    assert abs(flash["palette16-normal"] - flash["int4"] - 1024) < 100
    assert abs(flash["palette16"] - flash["palette16-normal"] - 1024) < 600
