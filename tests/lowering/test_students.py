"""Students beside the demonstration's networks become the same bytes as C, and stream where they say so."""

from functools import cache

import numpy as np
import pytest
import torch
from room_models import MOTION, STEPS, STUDENT_SHAPES, compiled, network, windows
from small_models import Lowered, lowered, sqnr_db

from smidgen.errors import StreamingError
from smidgen.evaluation import SENSOR_INPUTS
from smidgen.ir import interpret_frames
from smidgen.passes import CausalGraph

every_student = pytest.mark.parametrize("name", STUDENT_SHAPES)
every_recipe = pytest.mark.parametrize("recipe", ["int8", "float32"])

#: Measured: int8 37 (mamba2) to 43 dB (mlp), float32 126 (mdcsa) and above.
FLOOR_DB = {"int8": 34.0, "float32": 120.0}
#: Rssi and motion lie along (time, channel).
TIME_AXES = {"rssi": 0, "motion": 0}


@cache
def rungs(name: str, recipe: str) -> Lowered:
    """Return a student lowered under a recipe."""
    return lowered(network(name), windows(64), recipe, None if recipe == "float32" else SENSOR_INPUTS)


@every_student
@every_recipe
def test_integers_and_c_are_the_model(name: str, recipe: str) -> None:
    """Above a floor of signal to noise on windows that calibration did not see; C gives the reference's bytes."""
    test = windows(32, seed=1)
    with torch.no_grad():
        expected = network(name)(*test).double().numpy()
    (found,) = rungs(name, recipe).integers(test)
    assert sqnr_db(found, expected) >= FLOOR_DB[recipe]
    assert rungs(name, recipe).host_mismatches(test) == 0


@every_student
@every_recipe
def test_causal_students_stream(name: str, recipe: str) -> None:
    """Frame by frame from reset they give the bytes of the window, at every length; the MDCSA is refused by name."""
    graph = rungs(name, recipe).graph
    if not network(name).config.causal:
        with pytest.raises(StreamingError, match="scaled_dot_product_attention"):
            CausalGraph(graph, TIME_AXES)
        return
    causal = CausalGraph(graph, TIME_AXES)
    inputs = [np.concatenate([a, b], axis=1) for a, b in zip(_frames(graph, 2), _frames(graph, 3), strict=True)]
    answers = causal.joined(interpret_frames(causal.step, causal.frames(inputs)))
    for frames in (1, 2, STEPS - 1, STEPS, STEPS + 1, 2 * STEPS):
        for name_, expected in causal.expected(inputs, frames).items():
            assert causal.part(name_, answers[name_], frames).tobytes() == expected.tobytes(), frames


@pytest.mark.slow
@every_student
@every_recipe
def test_the_same_bytes_on_cores(name: str, recipe: str) -> None:
    """Reference, host and an emulated Cortex-M4 agree, for windows and, where the student is causal, for streams."""
    firmware = compiled(name, recipe, optimize="size")  # the copies of kernels of an MDCSA exceed a small core
    assert firmware.check(windows(8, seed=1), emulate=4).mismatched_bytes == 0
    assert (firmware.streaming is None) == (name == "mdcsa")
    if firmware.streaming is not None:
        recordings = tuple(torch.cat(column, dim=1) for column in zip(windows(2), windows(2, seed=5), strict=True))
        report = firmware.streaming.check(recordings, lengths=range(1, 2 * STEPS + 1, 4), emulate=STEPS + 2)
        assert report.mismatched_bytes == 0


def _frames(graph, seed: int) -> list[np.ndarray]:
    """Return two windows in the graph's input types."""
    arrays = []
    for name, value in zip(graph.inputs, windows(2, seed=seed), strict=True):
        tensor, real = graph[name], value.numpy()
        arrays.append((real if tensor.qparams is None else tensor.qparams.quantize(real)).astype(tensor.dtype))
    assert arrays[1].shape == (2, STEPS, MOTION)
    return arrays
