"""Does a program fit its target?"""

from smidgen.errors import BudgetError
from smidgen.ir import Graph
from smidgen.records import Measurement
from smidgen.targets import Target


def require_budget(measurement: Measurement, target: Target, graph: Graph, *, peak_op: str) -> None:
    """Raise BudgetError, naming the peak or the largest weights, where RAM or flash is more than the target has."""
    if target.ram_bytes is not None and measurement.ram_bytes > target.ram_bytes:
        state = f"{measurement.state_bytes} B are state, " if graph.is_step else ""
        remedy = "Lower" if graph.is_step else "Shorten the window, let the model stream, lower"
        raise BudgetError(
            f"{graph.name} needs {measurement.ram_bytes} B of RAM, {target.name} has {target.ram_bytes} B; {state}the "
            f"arena peaks at {peak_op}. {remedy} d_model, or take a recipe with fewer int16 activations"
        )
    if target.flash_bytes is not None and measurement.flash_bytes > target.flash_bytes:
        sizes = ((array.nbytes, op.name) for _, op in graph.nested_ops() for array in op.params.values())
        names = ", ".join(f"{name} {size} B" for size, name in sorted(sizes, reverse=True)[:3])
        raise BudgetError(
            f"{graph.name} needs {measurement.flash_bytes} B of flash, {target.name} has {target.flash_bytes} B; the "
            f"largest weights are {names}. Make those layers narrower"
        )
