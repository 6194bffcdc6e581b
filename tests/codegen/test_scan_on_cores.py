"""The fast selective scan gives the bytes of the reference on cores with and without the DSP extension."""

import pytest
from graph_maker import INT16, SYMMETRIC, GraphMaker
from on_cores import CORES, check_on_core

from smidgen.ir import Graph
from smidgen.numerics.quantization import QParams

STEPS = 5
#: Channels, heads, groups, states: blocks of four, a rest of states, heads of several channels, several groups.
SHAPES = ((4, 4, 1, 8), (3, 3, 1, 6), (6, 3, 2, 4), (4, 2, 1, 7))


def scans(form: str, state: str) -> Graph:
    """Return scans of every shape and type side by side; `form` tells how the decays of a head follow each other."""
    maker = GraphMaker("scans", seed=5)
    outputs = []
    for index, (channels, heads, groups, states) in enumerate(SHAPES):
        u = maker.input(f"u{index}", STEPS, channels, qparams=SYMMETRIC if index % 2 else INT16)
        delta, B, C = (
            maker.input(f"{name}{index}", STEPS, width, qparams=INT16)
            for name, width in (("delta", heads), ("B", groups * states), ("C", groups * states))
        )
        y = INT16 if index % 2 else QParams(dtype="int8", scale=2.0**-3, zero_point=5)
        outputs.append(maker.selective_scan(u, delta, B, C, y, groups=groups, form=form, state=state))
    return maker.graph(*outputs)


@pytest.mark.parametrize("state", ["int32", "int16"])
@pytest.mark.parametrize("form", ["each", "equal", "powers"])
@pytest.mark.parametrize("core", CORES)
def test_cores_equal_the_reference(core: str, form: str, state: str) -> None:
    """Random inputs, and inputs at the ends of their ranges, where states and outputs saturate."""
    check_on_core(scans(form, state), core)
