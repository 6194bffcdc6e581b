"""What operators that slide a window over rows and columns share: their geometry as attributes, and their shapes.

Tensors are channels last: (time, channels), which is an image of one column; (rows, columns, channels); or several
images (images, rows, columns, channels).
"""

from collections.abc import Mapping

from smidgen.errors import GraphError
from smidgen.ir.graph import Op
from smidgen.ir.ops.op_spec import Array, Legal, Operands, Shape, integers
from smidgen.numerics.window import Window

#: Every value is (rows, columns), columns 1, 1, 0 and 0 where there is one.
PLACING: Mapping[str, Legal] = {"stride": tuple, "dilation": tuple, "pad_before": tuple, "pad_after": tuple}


def window_of(op: Op) -> Window:
    """Return the window of a convolution or pooling; raise GraphError, naming the op, for one that cannot be."""
    size = op.params["weight"].shape[1:3] if "weight" in op.params else integers(op, "size")
    names = (*PLACING, *(name for name in ("input_dilation",) if name in op.attrs))
    try:
        return Window(size=size, **{name: integers(op, name) for name in names})  # type: ignore[arg-type]
    except GraphError as error:
        raise GraphError(f"{op.name}: {error}") from error


def image_shape(shape: Shape) -> tuple[int, int, int, int]:
    """Return (images, rows, columns, channels) of a tensor of 2 to 4 axes."""
    if len(shape) == 2:
        return (1, shape[0], 1, shape[1])
    images, rows, columns, channels = (1, *shape)[-4:]
    return (images, rows, columns, channels)


def slid_shape(op: Op, x: Operands, channels: int) -> Shape:
    """Return the shape of the result with so many channels."""
    shape = x[0].shape
    if len(shape) not in (2, 3, 4):
        raise GraphError(f"{op.name}: expected (time, channels) or (rows, columns, channels), got {shape}")
    window = window_of(op)
    try:
        rows, columns = window.output_size(*image_shape(shape)[1:3])
    except GraphError as error:
        raise GraphError(f"{op.name}: {error}") from error
    if len(shape) == 2:
        if columns != 1:
            raise GraphError(f"{op.name}: a sequence has one column, its window makes {columns} of it")
        return (rows, channels)
    return (*shape[:-3], rows, columns, channels)


def as_images(x: Operands, array: Array) -> Array:
    """Return a batch (B, *shape) of the first operand as images (B * images, rows, columns, channels)."""
    return array.reshape(-1, *image_shape(x[0].shape)[1:])
