"""Inputs for drawn graphs: some ordinary samples, then the extremes of every type in every mixture."""

import numpy as np
from graph_maker import Array
from numpy.random import Generator

from smidgen.ir import Graph, Tensor
from smidgen.numerics.fixed_point import integer_range

_ORDINARY = 3  # samples; of steps, those that give an answer

_FLOATS = np.finfo(np.float32)
_SPECIAL = np.array(
    [0.0, -0.0, 1.0, -1.0, _FLOATS.smallest_subnormal, _FLOATS.tiny, _FLOATS.max, _FLOATS.min], np.float32
)


def ordinary_count(graph: Graph) -> int:
    """Return how many samples, the first ones, hold ordinary values: a graph's answers to them are to be finite."""
    if not graph.is_step:
        return _ORDINARY
    frames = graph.output_clock.frames_for(_ORDINARY)
    return min(frames, graph.frame_limit or frames)


def extreme_samples(graph: Graph, n: int, seed: int = 0) -> list[Array]:
    """Return inputs (n, *shape) for a graph: ordinary ones whatever the seed, then extremes, each tensor's its own."""
    ordinary, random = np.random.default_rng(0), np.random.default_rng(seed)
    arrays = []
    for tensor in (graph[name] for name in graph.inputs):
        drawn = [
            _ordinary(ordinary, tensor) if i < ordinary_count(graph) else _extreme(random, tensor) for i in range(n)
        ]
        arrays.append(np.stack(drawn).astype(tensor.dtype))
    return arrays


def _ordinary(random: Generator, tensor: Tensor) -> Array:
    if tensor.is_float:
        return random.normal(size=tensor.shape)
    low, high = integer_range(tensor.dtype)
    return random.integers(low, high + 1, tensor.shape)


def _extreme(random: Generator, tensor: Tensor) -> Array:
    """Return one sample: all alike, at both ends, near the zero point, or in float32 of any magnitude."""
    if tensor.is_float:
        match random.integers(4):
            case 0:
                return np.full(tensor.shape, random.choice(_SPECIAL))
            case 1:
                return random.choice(_SPECIAL, tensor.shape)
            case 2:
                return random.normal(size=tensor.shape) * 10.0 ** random.integers(-44, 38)
        bits = random.integers(0, 2**32, tensor.shape, np.uint32).view(np.float32)
        return np.where(np.isfinite(bits), bits, np.float32(0.0))
    low, high = integer_range(tensor.dtype)
    match random.integers(4):
        case 0:
            return np.full(tensor.shape, random.choice([low, high, tensor.zero_point]))
        case 1:
            return random.choice([low, high], tensor.shape)
        case 2:
            return np.clip(tensor.zero_point + random.integers(-2, 3, tensor.shape), low, high)
    return random.integers(low, high + 1, tensor.shape)
