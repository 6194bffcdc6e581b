"""Whatever a target names runs every operator to the same bytes."""

import pytest
from every_program import PROGRAMS, every_program

from smidgen.targets import CORE_TARGETS, Target, find_target
from smidgen.verification import Emulator, HostRunner, WasmRunner, open_runner


@pytest.mark.parametrize("target", CORE_TARGETS.values(), ids=CORE_TARGETS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_operator_on_every_target(name: str, target: Target) -> None:
    """Windows and steps, integers and floats: each core, WebAssembly and the host equal the reference."""
    case = every_program()[name]
    assert case.mismatched_bytes(open_runner(case.program, target).run) == 0


@pytest.mark.parametrize(
    ("name", "kind", "label"),
    [
        ("rv32imc", Emulator, "emulated rv32imc"),
        ("rp2040", Emulator, "emulated rp2040"),
        ("wasm32", WasmRunner, "WebAssembly"),
        ("host", HostRunner, "sanitised host C"),
    ],
)
def test_the_architecture_decides_what_runs(name: str, kind: type, label: str) -> None:
    """Boards run on their core's emulator; the label tells a reader what ran."""
    runner = open_runner(every_program()["integer"].program, find_target(name))
    assert isinstance(runner, kind)
    assert runner.label == label
