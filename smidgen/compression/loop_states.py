"""How a loop holds what it carries: one quantisation before the first step and after every one, int16 or the frames'.

States of 8 bits would round the same value again at every step, so that they have 16 whatever the recipe says; one that
only keeps a frame for later steps holds it as it came.
"""

from torch import fx

from smidgen.compression.calibration import Calibration, Observation
from smidgen.compression.loop_node import LoopNode
from smidgen.compression.program import FloatProgram
from smidgen.compression.states import state_qparams
from smidgen.compression.structure import keeps_scale
from smidgen.numerics.quantization import QParams


def enter_loop(found: LoopNode, body: FloatProgram, calibration: Calibration, qparams: dict[str, QParams]) -> None:
    """Add the quantisation of the body's inputs, and of the nodes that compute states for the next step."""
    for port, given in zip(found.placeholders, found.arguments, strict=True):
        is_state = port in found.state_placeholders
        if not is_state and isinstance(given, fx.Node) and given.name in qparams:
            qparams[port.name] = qparams[given.name]
    for port, following in zip(found.state_placeholders, found.results, strict=False):
        source = _source(following)
        chosen = qparams.get(source.name) or state_qparams(body, source, calibration)
        if chosen is None:
            seen = [
                calibration.observations[node.name]
                for node in (port, following)
                if node.name in calibration.observations
            ]
            joined = Observation(low=min(o.low for o in seen), high=max(o.high for o in seen))
            chosen = joined.qparams("int16", symmetric=True)
        qparams[port.name] = qparams[source.name] = chosen


def leave_loop(found: LoopNode, qparams: dict[str, QParams]) -> None:
    """Add the quantisation of the loop's results: last states as they are carried, the rest as the body computes it."""
    inside = [*found.state_placeholders, *found.results[len(found.states) :]]
    for position, node in enumerate(inside):
        if node.name in qparams:
            qparams.update(dict.fromkeys((reader.name for reader in found.readers(position)), qparams[node.name]))


def _source(node: fx.Node) -> fx.Node:
    """Return what computes the elements of a node, looking through what only moves them."""
    while node.op == "call_function" and keeps_scale(node):
        parent = node.args[0]
        assert isinstance(parent, fx.Node)
        node = parent
    return node
