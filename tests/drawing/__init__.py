"""Random legal graphs of every kind of operator: one generator a kind, by family as `smidgen.ir.ops`."""

from drawing.random_graphs import (
    GENERATORS,
    STEP_GENERATORS,
    graphs,
    layouts,
    step_graphs,
)

__all__ = ["GENERATORS", "STEP_GENERATORS", "graphs", "layouts", "step_graphs"]
