"""Temporal decoding: the room graph as a Markov chain over decisions, float64 reference. Needs no torch."""

from smidgen.decoding.evidence import EvidenceConfig, log_evidence, on_grid
from smidgen.decoding.hmm import (
    fixed_lag_max_product,
    fixed_lag_smoothing,
    forward_backward,
    forward_filter,
    viterbi,
)
from smidgen.decoding.transitions import (
    Transitions,
    adjacency_only,
    learn_transitions,
    observed_adjacency,
    stay_probability,
)

__all__ = [
    "EvidenceConfig",
    "Transitions",
    "adjacency_only",
    "fixed_lag_max_product",
    "fixed_lag_smoothing",
    "forward_backward",
    "forward_filter",
    "learn_transitions",
    "log_evidence",
    "observed_adjacency",
    "on_grid",
    "stay_probability",
    "viterbi",
]
