"""What the lowering of convolutions and poolings shares: PyTorch's numbers by spatial axis as windows over images.

A sequence is an image of one column. Where samples hold several sequences (a batch of their own, as channel-independent
models make it), each is one row of an image.
"""

from collections.abc import Mapping, Sequence

from smidgen.ir.graph import Attribute


def per_axis(value: int | Sequence[int], spatial: int) -> list[int]:
    """Return one number for each spatial axis; one number, or a list of one, counts for all."""
    values = [value] if isinstance(value, int) else list(value)
    return values * spatial if len(values) == 1 else values


def window_attributes(values: Mapping[str, Sequence[int]], x_shape: Sequence[int]) -> dict[str, Attribute]:
    """Return the attributes of a window, each (rows, columns), from one number for each spatial axis.

    Args: x_shape, of the operand (channels, *spatial), or (sequences, channels, time).
    """
    attributes: dict[str, Attribute] = {}
    for key, value in values.items():
        absent = 0 if key.startswith("pad") else 1
        pair = (*value, absent)[:2]
        sequences_in_rows = len(value) == 1 and len(x_shape) == 3
        attributes[key] = pair[::-1] if sequences_in_rows else pair
    return attributes
