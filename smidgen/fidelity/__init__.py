"""How near a compiled program is to the model that it was made from, where it loses, and what would help."""

from smidgen.fidelity.advice import Advice, advise
from smidgen.fidelity.divergence import Divergence, find_divergence
from smidgen.fidelity.layers import LayerFidelity, measure_layers
from smidgen.fidelity.noise import OutputFidelity, output_fidelity, sqnr_db
from smidgen.fidelity.report import CheckReport

__all__ = [
    "Advice",
    "CheckReport",
    "Divergence",
    "LayerFidelity",
    "OutputFidelity",
    "advise",
    "find_divergence",
    "measure_layers",
    "output_fidelity",
    "sqnr_db",
]
