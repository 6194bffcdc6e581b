"""Foreign models compile unchanged, give the same bytes on every core, stay near PyTorch, and stream if causal."""

from functools import cache

import pytest
import torch
from torch import Tensor

import smidgen
from benchmarks.zoo import ZOO
from smidgen.firmware import Firmware
from smidgen.targets import find_target
from smidgen.verification import compare, open_runner

_CALIBRATION, _UNSEEN = 48, 6


@pytest.fixture(scope="module", params=ZOO)
def name(request: pytest.FixtureRequest) -> str:
    """Each specimen with all tests of it together, so that one process compiles it."""
    return str(request.param)


@cache
def firmware(name: str, recipe: str) -> Firmware:
    """Return a specimen compiled for the Cortex-M4."""
    x = ZOO[name].inputs(_CALIBRATION)
    return smidgen.compile(ZOO[name].model(), x[:2], calibration=x, recipe=recipe, name="specimen")


def outputs_of(result: object) -> tuple[Tensor, ...]:
    """Return the tensors that a model gives, alone, in a dictionary or in a tuple."""
    values = result.values() if isinstance(result, dict) else result if isinstance(result, tuple) else (result,)
    return tuple(value for value in values if isinstance(value, Tensor))


def test_the_collection_is_broad() -> None:
    """At least 25 architectures, a third of them causal."""
    assert len(ZOO) >= 25
    assert sum(specimen.causal for specimen in ZOO.values()) >= len(ZOO) // 3


@pytest.mark.parametrize("recipe", ["int8", "float32"])
def test_the_same_bytes_everywhere(name: str, recipe: str) -> None:
    """Reference, host, emulated Cortex-M4 and Cortex-M0+ agree on inputs that calibration did not see."""
    compiled, x = firmware(name, recipe), ZOO[name].inputs(_UNSEEN, seed=2)
    assert compiled.check(x, emulate=2).mismatched_bytes == 0
    on_m0plus = open_runner(compiled.program, find_target("cortex-m0plus")).run(compiled.quantize_inputs((x[:1],)))
    assert compare(compiled.run_integers((x[:1],)), on_m0plus, compiled.graph.outputs).mismatched_bytes == 0


def test_float32_is_the_model(name: str) -> None:
    """PyTorch's outputs within 1e-4 of the largest."""
    x = ZOO[name].inputs(_UNSEEN, seed=2)
    with torch.no_grad():
        expected = outputs_of(ZOO[name].model()(x))
    for found, right in zip(outputs_of(firmware(name, "float32").run(x)), expected, strict=True):
        assert (found.reshape(right.shape) - right).abs().max() <= 1e-4 * right.abs().max()


def test_int8_keeps_25_db_or_says_what_would(name: str) -> None:
    """On calibrated inputs the default recipe keeps 25 dB, or the report holds recipe lines that bring it there."""
    report = firmware(name, "int8").check(ZOO[name].inputs(_CALIBRATION), emulate=1)
    reached = report.sqnr_db if report.advice is None else report.advice.after_db
    assert reached is not None
    assert reached >= 25.0, report.table()


def test_it_streams_or_says_what_looks_ahead(name: str) -> None:
    """A causal model, frame by frame from reset, gives the bytes of the window, on host and core; another says why."""
    compiled = firmware(name, "int8")
    assert (compiled.streaming is not None) == ZOO[name].causal, compiled.not_streaming
    if compiled.streaming is None:
        assert compiled.not_streaming
    else:
        assert compiled.streaming.check(ZOO[name].inputs(2, seed=4), emulate=8).mismatched_bytes == 0
