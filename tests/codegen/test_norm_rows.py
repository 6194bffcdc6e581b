"""The fast norms of rows of int8 give the bytes of their twin, in portable form and on cores with and without DSP."""

from dataclasses import asdict

import numpy as np
import pytest
from graph_maker import GraphMaker
from hypothesis import assume, given
from hypothesis import strategies as st
from kernel_library import Kernels, kernel_files, narrow
from on_cores import CORES, check_on_core, hostile_inputs, run_on_core
from strategies import qparams, tensors

from smidgen.codegen import emit
from smidgen.ir import Graph, interpret
from smidgen.numerics import norm
from smidgen.numerics.norm_stream import norm_stream, one_bias
from smidgen.numerics.quantization import QParams
from smidgen.passes import plan_memory

SIGNATURE = {"norm_rows_s8": "pppuuuiiiilii"}


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    """The portable kernel."""
    return Kernels(["norm_rows.h"], SIGNATURE)


@given(
    data=st.data(), rows=st.integers(1, 4), width=st.integers(4, 70), centred=st.booleans(), biased=st.booleans(),
    gains=st.sampled_from([1e-3, 1.0, 30.0]),
)  # fmt: skip
def test_the_portable_kernel_equals_its_twin(
    kernels: Kernels, data: st.DataObject, rows: int, width: int, centred: bool, biased: bool, gains: float
) -> None:
    """Every width, any scales and zero points, biases for each channel or one for all; in place too."""
    x_qparams, y_qparams = data.draw(qparams("int8", low=-16.0, high=4.0)), data.draw(qparams("int8", low=-8.0))
    random = np.random.default_rng(width)
    p = norm.norm_parameters(
        random.normal(size=width) * gains, random.normal(size=width) * biased, 1e-5, x_qparams, y_qparams,
        centred=centred,
    )  # fmt: skip
    assume(p.shift == norm.RESULT_BITS)
    x = data.draw(tensors("int8", rows, width))
    expected = norm.norm(x, **asdict(p), zero_point=x_qparams.zero_point, dtype="int8")
    bias = one_bias(p.bias)
    buffer = narrow(x, "int8")
    kernels(
        "norm_rows_s8", buffer, norm_stream(p.gain, p.bias), buffer, rows, width, bias is None, bias or 0,
        x_qparams.zero_point, p.normalised_bits, p.fraction_bits, p.epsilon, p.mean_multiplier, p.mean_shift,
    )  # fmt: skip
    np.testing.assert_array_equal(expected, buffer)


def norms() -> Graph:
    """Return norms of widths around a multiple of four, with outputs fine and coarse, int8 and int16."""
    maker = GraphMaker("norms", seed=3)
    outputs = []
    for width in (3, 4, 9, 22, 64):
        x = maker.input(f"x{width}", 5, width, qparams=QParams(dtype="int8", scale=0.03, zero_point=width - 30))
        for kind in ("rms_norm", "layer_norm"):
            for scale in (0.03, 2.0**-9):
                outputs.append(maker.norm(kind, x, QParams(dtype="int8", scale=scale, zero_point=-9)))
            outputs.append(maker.norm(kind, x, bias=0.0, y=QParams(dtype="int8", scale=0.02, zero_point=5)))
        outputs.append(maker.norm("layer_norm", x, QParams(dtype="int16", scale=2.0**-12)))
    return maker.graph(*outputs)


@pytest.mark.parametrize("core", CORES)
def test_cores_equal_the_reference(core: str) -> None:
    """Random rows, rows of the two ends, constant rows."""
    graph = norms()
    program = check_on_core(graph, core)
    assert program.files["norms.c"].count("norm_rows_s8(") > 20


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"smlawt r10, %[odd], r5, r10', '"smlawb r10, %[odd], r5, r10'),
        ('"smlawt r8, r8, r4, %[bias]', '"smlawt r8, r8, r5, %[bias]'),
        ("(int64_t)2 << fraction_bits", "(int64_t)1 << fraction_bits"),
        ("(128U * width)", "(127U * width)"),
        ("i < (width % 8U)", "i < (width % 4U)"),
    ],
    ids=["gain", "gain of one bias", "power", "sum", "rest"],
)
def test_a_fault_in_the_fast_form_is_caught(right: str, wrong: str) -> None:
    """A kernel that takes another gain, or another sum, is told from the twin on a core with DSP."""
    assert kernel_files()["norm_rows.h"].count(right) == 1
    graph = norms()
    inputs = hostile_inputs(graph)
    expected = interpret(graph, inputs)
    program = emit(graph, plan_memory(graph), known_inputs=[array[0] for array in inputs])
    found = run_on_core("cortex-m4", program, inputs, right=right, wrong=wrong)
    assert any(np.any(expected[name] != actual) for name, actual in zip(graph.outputs, found, strict=True))
