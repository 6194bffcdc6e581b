"""Firmware on every target: the same bytes everywhere, measured as far as each can, under its own budget."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from room_models import compiled, windows

from smidgen.errors import BudgetError
from smidgen.firmware import Firmware
from smidgen.targets import CORE_TARGETS, EMULATED_CORES, find_target
from smidgen.verification import compare, open_runner

PROGRAMS = [("mamba", "int8"), ("transformer", "int8"), ("gru", "int8"), ("transformer", "float32")]

compiled_once = cache(compiled)


@pytest.mark.parametrize("target", CORE_TARGETS.values(), ids=CORE_TARGETS)
@pytest.mark.parametrize(("model", "recipe"), PROGRAMS)
def test_every_target_gives_the_bytes_of_the_reference(model, recipe, target):
    """A Mamba, a transformer and a GRU in int8, one in float32: every core, WebAssembly and the host agree."""
    firmware = compiled_once(model, recipe)
    batch = windows(6, seed=9)
    expected = firmware.run_integers(batch)
    found = open_runner(firmware.program, target).run(firmware.quantize_inputs(batch))
    assert compare(expected, found, firmware.graph.outputs).mismatched_bytes == 0


@pytest.mark.parametrize("target", EMULATED_CORES.values(), ids=EMULATED_CORES)
def test_instructions_of_layers_add_up_on_each_core(target):
    """The layers and what lies between them are the total; the stack and every layer's flash are measured."""
    firmware = compiled_once("gru", "int8")
    measurement = open_runner(firmware.program, target).measure(firmware.quantize_inputs(windows(2)))
    layers = sum(layer.instructions for layer in measurement.layers)
    assert 0 < measurement.instructions - layers < 0.01 * measurement.instructions
    assert all(layer.instructions > 0 and layer.flash_bytes > 0 for layer in measurement.layers)
    assert 0 < sum(layer.flash_bytes for layer in measurement.layers) < measurement.flash_bytes
    assert measurement.stack_bytes > 0


@pytest.mark.parametrize("name", ["nRF52840", "esp32-c3", "wasm32", "host"])
def test_firmware_is_compiled_for_a_board_an_engine_and_the_host(name, tmp_path):
    """`target` takes any name; the check runs there, and the delivery and the printed table tell what is known."""
    firmware = compiled("gru", "int8", target=name)
    report = firmware.check(windows(4, seed=1), emulate=2)
    assert (report.mismatched_bytes, report.n_emulated, report.first_divergent_layer) == (0, 2, None)
    manifest = json.loads((firmware.save(tmp_path) / "manifest.json").read_text())
    assert manifest["measurement"]["target"] == firmware.target.name
    text = str(firmware)
    assert f"rooms on {firmware.target.name}" in text
    if firmware.target.core.is_emulated:
        assert f"{firmware.measurement.instructions:,}" in text
    else:
        assert firmware.measurement.instructions is None
        assert f"Instructions are not counted on {name}" in text


def test_estimates_are_called_estimates():
    """Time and energy of a board with a cycle model follow from its cycles; elsewhere there are none."""
    m4 = compiled("gru", "int8", target="nrf52840").measurement
    assert m4.latency_us_estimate == pytest.approx(m4.cycles_estimate / 64)
    assert m4.energy_uj_estimate == pytest.approx(m4.cycles_estimate * 52 * 3 * 1e-6)
    assert str(m4).endswith(" uJ (estimates)")
    m33 = compiled("gru", "int8", target="rp2350").measurement
    assert (m33.cycles_estimate, m33.latency_us_estimate, m33.energy_uj_estimate) == (None, None, None)
    assert str(m33).endswith("no cycle model")


def test_a_board_has_its_own_budget():
    """What fits no core by itself may fit a board, and the other way round."""
    small = replace(find_target("stm32f103c8"), ram_bytes=600)
    with pytest.raises(BudgetError, match="of RAM, stm32f103c8 has 600 B"):
        compiled("gru", "int8", target=small)
    assert compiled("gru", "int8", target="stm32f103c8").target.ram_bytes == 20 * 1024


@pytest.mark.parametrize("name", ["host", "wasm32"])
def test_a_fault_is_found_where_nothing_is_emulated(name):
    """The first layer that differs is named from a trace on the host."""
    firmware = compiled("gru", "int8", target=name)
    assert isinstance(firmware, Firmware)
    kernels = firmware.program.files["rooms_kernels.h"]
    broken = kernels.replace("* b) + ((int64_t)1 << 31)) >> 32)", "* b)) >> 32)")
    assert broken != kernels
    firmware.program = replace(firmware.program, files={**firmware.program.files, "rooms_kernels.h": broken})
    firmware.__dict__.pop("_runner", None)
    report = firmware.check(windows(8))
    assert report.emulated.mismatched_bytes == report.host.mismatched_bytes > 0
    assert report.first_divergent_layer in [layer.name for layer in firmware.program.layers]
    assert np.isfinite(report.sqnr_db)
