"""Where two executions that must agree first do not: the layer, and the tensors around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.codegen import Layer
from smidgen.ir import Graph
from smidgen.whole_file import write_whole

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """The first sample on which an execution leaves the reference, followed layer by layer."""

    execution: str  # "host" or the name of the emulated core
    sample: int
    layer: str | None  # the first whose bytes differ; None if they differ only when layers are not watched
    expected: Mapping[str, Array] = field(repr=False)  # reference, by tensor, inputs included
    actual: Mapping[str, Array] = field(repr=False)  # the execution, by tensor

    def save(self, path: Path) -> Path:
        """Write `expected/<tensor>` and `actual/<tensor>` of the sample as one .npz file."""
        arrays = {f"expected/{name}": array for name, array in self.expected.items()}
        arrays |= {f"actual/{name}": array for name, array in self.actual.items()}
        content = BytesIO()
        np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
        write_whole(path, content.getvalue())
        return path


def find_divergence(
    execution: str,
    sample: int,
    graph: Graph,
    layers: Sequence[Layer],
    values: Mapping[str, Array],
    traced: Mapping[str, bytes],
) -> Divergence:
    """Compare the bytes that each layer left with the reference's.

    Args: values, the reference's by tensor, each (B, *shape); traced, bytes by tensor of the execution on `sample`.
    """
    first = None
    actual = {}
    for layer in layers:
        place = layer.result
        if place is None or place.tensor not in traced:
            continue
        expected = np.ascontiguousarray(values[place.tensor][sample])
        actual[place.tensor] = np.frombuffer(traced[place.tensor], expected.dtype).reshape(expected.shape)
        if first is None and traced[place.tensor] != expected.tobytes():
            first = layer.name
    return Divergence(
        execution=execution,
        sample=sample,
        layer=first,
        expected={name: values[name][sample] for name in (*graph.inputs, *actual)},
        actual=actual,
    )
