"""Graph to graph, and graph to memory plan. One pass a module; none needs torch."""

from smidgen.passes.check_plan import check_plan
from smidgen.passes.fold import fold
from smidgen.passes.frame_graph import FrameGraph
from smidgen.passes.hop import HoppingGraph
from smidgen.passes.memory import plan_memory
from smidgen.passes.memory_plan import MemoryPlan, Placement
from smidgen.passes.schedule import schedule
from smidgen.passes.stream import CausalGraph

__all__ = [
    "CausalGraph",
    "FrameGraph",
    "HoppingGraph",
    "MemoryPlan",
    "Placement",
    "check_plan",
    "fold",
    "plan_memory",
    "schedule",
]
