"""The reference refuses inputs that do not fit, treats each sample of a batch alone, and is deterministic."""

import numpy as np
import pytest
from graph_maker import Array, GraphMaker
from graphs import every_float_operator, every_integer_operator, samples

from smidgen.errors import GraphError
from smidgen.ir import Graph, interpret

GRAPHS = {"integer": every_integer_operator(), "float32": every_float_operator()}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_every_tensor_comes_back_in_its_own_type(graph: Graph) -> None:
    """Inputs, constants, intermediates and outputs all have the batch in front and the declared shape and type."""
    values = interpret(graph, samples(graph, 3))
    assert set(values) == set(graph.tensors)
    for name, array in values.items():
        assert (array.shape, str(array.dtype)) == ((3, *graph[name].shape), graph[name].dtype)


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_a_sample_does_not_depend_on_its_batch(graph: Graph) -> None:
    """Run alone or among others, a sample gives the same bytes: the firmware sees one window at a time."""
    inputs = samples(graph, 8)
    together = interpret(graph, inputs)
    for i in range(8):
        alone = interpret(graph, [array[i : i + 1] for array in inputs])
        for name in graph.outputs:
            assert together[name][i].tobytes() == alone[name][0].tobytes()


def test_no_sample_gives_empty_outputs() -> None:
    """A batch of none is legal."""
    graph = GRAPHS["integer"]
    values = interpret(graph, [array[:0] for array in samples(graph)])
    assert [values[name].shape for name in graph.outputs] == [(0, *graph[name].shape) for name in graph.outputs]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x, wide: [x], "graph integers takes 2 inputs, got 1"),
        (lambda x, wide: [x.astype(np.int16), wide], r"input x must be int8 \(batch, 6, 4\), got int16 \(40, 6, 4\)"),
        (lambda x, wide: [x, wide[:, :5]], r"input wide must be int16 \(batch, 6, 4\), got int16 \(40, 5, 4\)"),
        (lambda x, wide: [x[0], wide], r"input x must be int8 \(batch, 6, 4\), got int8 \(6, 4\)"),
        (lambda x, wide: [x, wide[:5]], "input wide must be"),
        (lambda x, wide: [x, np.full_like(wide, -32768)], "input wide holds -32768; int16 activations lie in -32767"),
    ],
    ids=["too few", "type", "shape", "no batch axis", "sample counts", "illegal value"],
)
def test_inputs_that_do_not_fit_are_refused(spoil: object, message: str) -> None:
    """A wrong array is an error that tells what is taken and what was given, never a broadcast."""
    graph = GRAPHS["integer"]
    with pytest.raises(GraphError, match=message):
        interpret(graph, spoil(*samples(graph)))  # type: ignore[operator]


def test_a_worked_example() -> None:
    """Two features, one output, computed by hand: 2 (1 - 3) 0.5 + 1 in real numbers, to the nearest step."""
    m = GraphMaker()
    x = m.input("x", 2)
    graph = m.graph(m.linear(x, 1))
    weight = graph.ops[0].params["weight"].astype(int)[0]
    bias, multiplier = (int(graph.ops[0].params[role][0]) for role in ("bias", "multiplier"))
    sample: Array = np.array([[10, -7]], np.int8)
    acc = 10 * weight[0] - 7 * weight[1] + bias
    by_hand = 3 + (acc * multiplier + 2 ** (31 - graph.ops[0].attrs["shift"])) // 2 ** (
        32 - graph.ops[0].attrs["shift"]
    )
    assert interpret(graph, [sample])[graph.outputs[0]].tolist() == [[min(max(by_hand, -128), 127)]]
