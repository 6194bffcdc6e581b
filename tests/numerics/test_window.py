"""Windows: what they refuse."""

import pytest

from smidgen.errors import GraphError
from smidgen.numerics.window import Window


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": (0, 1)}, r"size of a window must be two numbers of at least 1, got \(0, 1\)"),
        ({"stride": (1,)}, r"stride of a window must be two numbers of at least 1, got \(1,\)"),
        ({"pad_before": (-1, 0)}, r"pad_before of a window must be two numbers of at least 0, got \(-1, 0\)"),
        ({"input_dilation": (1, 0)}, "input_dilation of a window must be two numbers of at least 1"),
    ],
)
def test_a_window_is_checked_at_birth(change: dict[str, tuple[int, ...]], message: str) -> None:
    """Every field is (rows, columns), and at least what makes sense."""
    with pytest.raises(GraphError, match=message):
        Window(**{"size": (3, 1)} | change)


def test_a_window_larger_than_its_input_is_refused() -> None:
    """The message tells reach, length, and length with padding."""
    window = Window(size=(1, 4), dilation=(1, 2), pad_before=(0, 1))
    assert window.output_size(1, 6) == (1, 1)
    with pytest.raises(GraphError, match="a window over 7 does not fit 5 elements, 6 with padding"):
        window.output_size(1, 5)
