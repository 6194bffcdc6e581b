"""Graph to graph, and graph to memory plan. One pass a module; none needs torch."""

from smidgen.passes.fold import fold
from smidgen.passes.memory import MemoryPlan, Placement, check_plan, plan_memory
from smidgen.passes.stream import CausalGraph

__all__ = ["CausalGraph", "MemoryPlan", "Placement", "check_plan", "fold", "plan_memory"]
