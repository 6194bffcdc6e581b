"""What the fast kernels cost, in exact instructions for a unit of work on emulated cores: a step back fails here."""

import pytest

from benchmarks.kernels import WORKS

#: Just above what was measured; a kernel that becomes faster takes its budget along.
BUDGETS = {
    ("int8 linear 64x64, one vector", "cortex-m4"): 1.09,
    ("int8 linear 256x256, one vector", "cortex-m4"): 0.95,
    ("int8 linear 20x64 times 64x64", "cortex-m4"): 0.93,
    ("int8 linear 64x64, one vector", "cortex-m0plus"): 4.96,
    ("int16 linear 64x64, one vector", "cortex-m4"): 1.37,
    ("int16 linear 20x64 times 64x64", "cortex-m4"): 1.37,
    ("int16 linear 64x64, one vector", "cortex-m0plus"): 5.83,
    ("float32 linear 64x64, one vector", "cortex-m4"): 2.57,
    ("int4 linear 64x64, one vector", "cortex-m4"): 1.27,
    ("int4 linear 20x64 times 64x64", "cortex-m4"): 1.27,
    ("int4 linear 256x256, one vector", "cortex-m4"): 1.07,
    ("palette16 linear 20x64 times 64x64", "cortex-m4"): 1.31,
    ("palette16 linear 256x256, one vector", "cortex-m4"): 1.6,
    ("int16-int4 linear 64x64, one vector", "cortex-m4"): 1.42,
    ("int16-int4 linear 20x64 times 64x64", "cortex-m4"): 1.41,
    ("int8 attention T=50, head 16, matmuls", "cortex-m4"): 1.4,
    ("int8 conv 3x3, 8x8x16 -> 16", "cortex-m4"): 1.0,
    ("int8 depthwise conv 3x3, 8x8x16", "cortex-m4"): 3.31,
    ("int8 softmax, rows of 64", "cortex-m4"): 24.03,
    ("LayerNorm D=64", "cortex-m4"): 10.31,
    ("RMSNorm D=64", "cortex-m4"): 8.4,
    ("int8 add", "cortex-m4"): 5.76,
    ("int8 mul", "cortex-m4"): 5.76,
    ("int8 table (tanh)", "cortex-m4"): 2.95,
    ("selective scan 128x16, A_n = n*a", "cortex-m4"): 9.1,
    ("selective scan 128x16, one decay", "cortex-m4"): 8.04,
    ("selective scan 128x16, general A", "cortex-m4"): 17.5,
    ("selective scan 128x16, A_n = n*a, int16 state", "cortex-m4"): 9.7,
    ("selective scan 128x16, one decay, int16 state", "cortex-m4"): 8.26,
    ("selective scan 128x16, general A, int16 state", "cortex-m4"): 17.38,
}

#: Rows that stay above their targets, "What holds the rest" in docs/kernels.md, held at what was measured.
MISSED_TARGETS = {
    ("palette16 linear 64x64, one vector", "cortex-m4"): 1.72,
    ("int8 causal depthwise conv of 4, 20x128", "cortex-m4"): 3.61,
    ("int8 attention T=50, head 16, softmax", "cortex-m4"): 28.66,
    ("selective scan 16x8, A_n = n*a", "cortex-m4"): 12.38,
}


def test_every_row_of_the_table_has_a_budget() -> None:
    """One that meets its target stays within it; one that misses has a budget above the target until it meets it."""
    targets = {(work.name, work.core): work.target for work in WORKS}
    assert set(targets) == set(BUDGETS) | set(MISSED_TARGETS)
    assert all(budget <= targets[row] for row, budget in BUDGETS.items())
    assert all(budget > targets[row] for row, budget in MISSED_TARGETS.items())


@pytest.mark.parametrize(("row", "budget"), (BUDGETS | MISSED_TARGETS).items())
def test_instructions_stay_within_the_budget(row: tuple[str, str], budget: float) -> None:
    """Offsets, widening and requantisation included."""
    (work,) = (work for work in WORKS if (work.name, work.core) == row)
    assert work.measure()["ours"] <= budget
