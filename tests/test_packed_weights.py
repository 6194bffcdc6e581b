"""A small classifier with weights of four bits: the same bytes everywhere, less flash, and how much is lost."""

from pathlib import Path

import pytest
import torch
from small_models import normal
from torch import nn

import smidgen
from smidgen.codegen.weights import Constants
from smidgen.firmware import Firmware
from smidgen.ir import interpret
from smidgen.passes import plan_memory
from smidgen.targets import find_target
from smidgen.verification import compare, open_runner

#: Just below what weights of four bits leave of an untrained network, whose weights are evenly distributed.
FLOORS_DB = {"int4": 18.6, "palette16": 17.3}


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


def test_flash_holds_the_stored_form_and_the_code_that_reads_it(tmp_path: Path) -> None:
    """5,824 weights take 2,912 bytes less, but for a table of 16 levels that the layer of three outputs reads; a
    palette has a table of 1,024 bytes, once where layers share it. The rest is code, within what was measured."""
    measured = {"int8": 1562, "int4": 2146, "palette16-normal": 2138, "palette16": 2634}
    stored, code = {}, {}
    for weight in measured:
        firmware = _compiled(tmp_path, weight)
        stored[weight] = Constants(firmware.graph).n_bytes
        code[weight] = firmware.measurement.flash_bytes - stored[weight]
    assert stored["int8"] - stored["int4"] == 2912 - 16
    assert stored["palette16-normal"] - stored["int4"] == 1024
    assert stored["palette16"] - stored["palette16-normal"] == 1024
    assert all(code[weight] <= n_bytes for weight, n_bytes in measured.items()), code


def test_a_core_without_dsp_has_no_memory_planned_for_it(tmp_path: Path) -> None:
    """Its arena holds the two widest activations alone, and no row of inputs in 16 bits; a core that has the extension
    runs the program too, to the same bytes, by the plain kernels."""
    firmware = _compiled(tmp_path, "int4", "cortex-m0plus")
    assert firmware.plan.arena_bytes == 64 + 64
    assert firmware.measurement.ram_bytes <= 334
    assert plan_memory(firmware.graph).arena_bytes == 64 + 64 + 2 * 64
    windows = firmware.quantize_inputs((normal(20, 24, seed=1),))
    found = open_runner(firmware.program, find_target("cortex-m4")).run(windows)
    (output,) = firmware.graph.outputs
    assert compare([interpret(firmware.graph, windows)[output]], found, [output]).mismatched_bytes == 0
