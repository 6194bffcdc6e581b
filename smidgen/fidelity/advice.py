"""What to change in a recipe when the outputs are poor: rules that were tried, with what they gave."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.compression import Recipe, find_recipe
from smidgen.compression.recipe import Rule
from smidgen.fidelity.layers import LayerFidelity
from smidgen.fidelity.noise import sqnr_db
from smidgen.ir import Graph, interpret

Array = NDArray[Any]

#: An output below this ratio is called poor.
POOR_DB = 25.0
#: Layers whose rule is tried alone, and rules that one advice may hold.
_CANDIDATES = 16
_MOST_RULES = 8

#: Lower the model again under another recipe: the graph, and the batch as that graph takes it.
Relower = Callable[[Recipe], tuple[Graph, list[Array]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A recipe that brings the outputs nearer to the float model, measured on the integers of the checked windows."""

    recipe: str  # that was used
    rules: tuple[Rule, ...]  # to add to it; empty where only another recipe helps
    instead: str | None  # a built-in recipe, where rules do not suffice
    before_db: float
    after_db: float

    def to_dict(self) -> dict[str, Any]:
        """Return the advice as plain values."""
        return asdict(self)

    def __str__(self) -> str:
        gain = f"from {self.before_db:.1f} to {self.after_db:.1f} dB"
        if self.instead is not None:
            return f'what would help: recipe="{self.instead}" brings the outputs {gain}'
        if not self.rules:
            return f"no recipe that was tried brings the outputs beyond {self.after_db:.1f} dB"
        lines = [
            f"what would help: these lines in a recipe file bring the outputs {gain}",
            f'extends = "{self.recipe}"',
        ]
        for rule in self.rules:
            lines += ["[[rules]]", f'match = "{rule.match}"', f'activation = "{rule.activation}"']
        return "\n    ".join(lines)


def advise(
    recipe: Recipe, layers: Sequence[LayerFidelity], expected: Sequence[Array], relower: Relower
) -> Advice | None:
    """Look for int16 activations that bring the outputs to POOR_DB; None for a recipe that has none to give.

    Args: layers, of the program under `recipe`; expected, the float model's outputs on the batch that `relower` gives.
    Each candidate is tried alone, on the integers; then the best are joined, best first, until the outputs are good.
    """
    if recipe.is_float:
        return None

    def reached(tried: Recipe) -> float:
        graph, integers = relower(tried)
        return _outputs_db(graph, integers, expected)

    before = reached(recipe)
    gains = [(reached(_with(recipe, [rule])), rule) for rule in _candidates(layers)]
    chosen: list[Rule] = []
    best = before
    for alone, rule in sorted(gains, key=lambda gain: -gain[0])[:_MOST_RULES]:
        if best >= POOR_DB or alone <= before:
            break
        joined = reached(_with(recipe, [*chosen, rule]))
        if joined > best:
            chosen.append(rule)
            best = joined
    instead = None
    if best < POOR_DB:
        wide = reached(find_recipe("int16"))
        if wide > best + 1.0:
            instead, best, chosen = "int16", wide, []
    return Advice(recipe=recipe.name, rules=tuple(chosen), instead=instead, before_db=before, after_db=best)


def _candidates(layers: Sequence[LayerFidelity]) -> list[Rule]:
    """Return a rule for each int8 activation that is rounded, the coarsest against its values first."""
    narrow = sorted((layer for layer in layers if layer.dtype == "int8"), key=lambda layer: layer.own_db)
    labels = dict.fromkeys(layer.label for layer in narrow)
    return [Rule(match=_literal(label), activation="int16") for label in list(labels)[:_CANDIDATES]]


def _literal(label: str) -> str:
    """Return the pattern that matches this label alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in label)


def _with(recipe: Recipe, rules: Sequence[Rule]) -> Recipe:
    return replace(recipe, rules=(*recipe.rules, *rules))


def _outputs_db(graph: Graph, integers: list[Array], expected: Sequence[Array]) -> float:
    values = interpret(graph, integers)
    ratios = []
    for name, real in zip(graph.outputs, expected, strict=True):
        qparams = graph[name].qparams
        if qparams is not None:
            ratios.append(sqnr_db(real, np.asarray(qparams.dequantize(values[name]).reshape(real.shape))))
    return min(ratios, default=float("inf"))
