"""Comparing counts bytes, finds the first difference, and refuses to compare nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smidgen.errors import VerificationError
from smidgen.verification import Mismatch, compare

SHAPE = (4, 3, 2)


@given(
    left=arrays(np.int16, SHAPE, elements=st.integers(-2, 2)),
    right=arrays(np.int16, SHAPE, elements=st.integers(-2, 2)),
)
def test_counts_and_first_difference_equal_a_plain_search(left: np.ndarray, right: np.ndarray) -> None:
    """Bytes, samples and the first element, as a loop over the elements finds them."""
    indices = [index for index in np.ndindex(SHAPE) if left[index] != right[index]]
    comparison = compare([left], [right], ["y"])
    assert comparison.total_bytes == left.nbytes
    assert comparison.mismatched_bytes == sum(a != b for a, b in zip(left.tobytes(), right.tobytes(), strict=True))
    assert comparison.mismatched_samples == len({index[0] for index in indices})
    if indices:
        sample, *element = indices[0]
        assert comparison.first == Mismatch(
            output="y",
            sample=sample,
            element=tuple(element),
            expected=int(left[indices[0]]),
            actual=int(right[indices[0]]),
        )
    else:
        assert comparison.first is None


def test_the_report_names_the_first_output_that_differs() -> None:
    """The message tells bytes, samples, output, index, expected and actual, and is the error's."""
    y, logits = np.zeros((3, 2), dtype=np.int8), np.ones((3, 4), dtype=np.float32)
    wrong = logits.copy()
    wrong[1, 2] = 2.0
    comparison = compare([y, logits], [y, wrong], ["y", "logits"])
    assert str(comparison) == (
        "2 of 54 bytes differ, in 1 of 3 samples; first logits[2] of sample 1: expected 1.0, got 2.0"
    )
    with pytest.raises(VerificationError, match=r"^emulated C does not equal host C: 2 of 54 bytes differ"):
        comparison.require_equal("host C", "emulated C")
    equal = compare([y], [y.copy()], ["y"])
    equal.require_equal("host C", "emulated C")
    assert str(equal) == "all 6 bytes of 3 samples are equal"


def test_floats_are_compared_by_their_bytes() -> None:
    """A NaN equals itself; minus zero is not zero."""
    nan = np.array([[np.nan]], dtype=np.float32)
    assert compare([nan], [nan.copy()], ["y"]).mismatched_bytes == 0
    zero = np.zeros((1, 1), dtype=np.float32)
    assert compare([zero], [-zero], ["y"]).mismatched_bytes == 1


@pytest.mark.parametrize(
    ("expected", "actual", "message"),
    [
        ([np.zeros((2, 1))], [np.zeros((2, 2))], r"y cannot be compared: .*\(2, 1\).*\(2, 2\)"),
        ([np.zeros((2, 1))], [np.zeros((3, 1))], r"y cannot be compared"),
        ([np.zeros((2, 1))], [np.zeros((2, 1), dtype=np.float32)], r"float64 .* float32"),
        ([np.zeros((2, 1))], [], r"expected 1 outputs, got 0, named 1"),
        ([np.zeros((0, 1))], [np.zeros((0, 1))], r"no sample of y"),
    ],
    ids=["shape", "samples", "element type", "outputs", "nothing"],
)
def test_what_cannot_be_compared_is_refused(expected: list[np.ndarray], actual: list[np.ndarray], message: str) -> None:
    """Nothing is left out of a comparison, and an empty one does not pass for equality."""
    with pytest.raises(VerificationError, match=message):
        compare(expected, actual, ["y"])
