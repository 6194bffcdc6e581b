"""Mamba written once more from the paper (Gu & Dao 2023), in plain numpy float64, reading the packages' own names.

Nothing here shares code with `smidgen`: one step after the other, one loop over time. Shapes: t time, D = d_model,
E = d_inner, N = d_state, R = rank of delta.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]
State = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Where one package keeps its parts."""

    layers: str
    embedding: str | None
    final_norm: str | None
    head: str | None


FAMILIES = {
    "mamba_ssm": Family(
        layers="backbone.layers", embedding="backbone.embedding", final_norm="backbone.norm_f", head="lm_head"
    ),
    "transformers": Family(
        layers="backbone.layers", embedding="backbone.embeddings", final_norm="backbone.norm_f", head="lm_head"
    ),
    "mamba.py": Family(layers="mamba.layers", embedding="embedding", final_norm="norm_f", head="lm_head"),
    "mamba_ssm without head": Family(layers="layers", embedding="embedding", final_norm="norm_f", head=None),
    "transformers without head": Family(layers="layers", embedding="embeddings", final_norm="norm_f", head=None),
    "mamba.py without head": Family(layers="layers", embedding=None, final_norm=None, head=None),
}


def random_mixer(
    rng: np.random.Generator, *, d_model: int, d_inner: int, d_state: int, d_conv: int, rank: int, biases: bool = False
) -> State:
    """Return the tensors of one mixer with values in the range of trained ones."""
    shapes: dict[str, tuple[int, ...]] = {
        "in_proj.weight": (2 * d_inner, d_model), "conv1d.weight": (d_inner, 1, d_conv), "conv1d.bias": (d_inner,),
        "x_proj.weight": (rank + 2 * d_state, d_inner), "dt_proj.weight": (d_inner, rank), "D": (d_inner,),
        "out_proj.weight": (d_model, d_inner),
    }  # fmt: skip
    if biases:
        shapes |= {"in_proj.bias": (2 * d_inner,), "out_proj.bias": (d_model,)}
    state = {name: tensor(rng.normal(size=shape) * shape[-1] ** -0.5) for name, shape in shapes.items()}
    state["A_log"] = tensor(np.log(np.arange(1, d_state + 1) * rng.uniform(0.5, 2.0, (d_inner, d_state))))
    state["dt_proj.bias"] = tensor(rng.uniform(-4.0, 0.0, d_inner))
    return state


def random_model(
    rng: np.random.Generator, family: Family, *, n_layers: int = 2, vocab: int = 11, tied: bool = True, **sizes: Any
) -> State:
    """Return a whole state_dict in the naming of a family."""
    state: State = {}
    width = sizes["d_model"]
    for layer in range(n_layers):
        mixer = random_mixer(rng, **sizes)
        state |= {f"{family.layers}.{layer}.mixer.{name}": value for name, value in mixer.items()}
        state[f"{family.layers}.{layer}.norm.weight"] = tensor(rng.uniform(0.5, 1.5, width))
    if family.embedding:
        state[f"{family.embedding}.weight"] = tensor(rng.normal(size=(vocab, width)))
    if family.final_norm:
        state[f"{family.final_norm}.weight"] = tensor(rng.uniform(0.5, 1.5, width))
    if family.head:
        own = tensor(rng.normal(size=(vocab, width)))
        state[f"{family.head}.weight"] = state[f"{family.embedding}.weight"] if tied else own
    return state


def tensor(values: Any) -> torch.Tensor:
    """Return float32."""
    return torch.from_numpy(np.asarray(values, np.float32))


def run_model(state: Mapping[str, torch.Tensor], family: Family, x: NDArray[Any], eps: float = 1e-5) -> Array:
    """Tokens (t,) or features (t, D) to logits (t, vocab) or hidden states (t, D)."""
    weights = {name: value.double().numpy() for name, value in state.items()}
    hidden = weights[f"{family.embedding}.weight"][x] if family.embedding else x.astype(np.float64)
    layer = 0
    while f"{family.layers}.{layer}.norm.weight" in weights:
        prefix = f"{family.layers}.{layer}."
        normed = norm(weights, f"{prefix}norm", hidden, eps)
        hidden = hidden + run_mixer(weights, normed, f"{prefix}mixer.")
        layer += 1
    if family.final_norm:
        hidden = norm(weights, family.final_norm, hidden, eps)
    return hidden @ weights[f"{family.head}.weight"].T if family.head else hidden


def norm(weights: Mapping[str, Array], name: str, x: Array, eps: float) -> Array:
    """RMSNorm, or LayerNorm where there is a bias."""
    if f"{name}.bias" in weights:
        x = x - x.mean(-1, keepdims=True)
    scaled = x / np.sqrt((x**2).mean(-1, keepdims=True) + eps)
    return scaled * weights[f"{name}.weight"] + weights.get(f"{name}.bias", 0.0)


def run_mixer(weights: Mapping[str, Array], x: Array, prefix: str = "") -> Array:
    """The block of Figure 3: (t, D) to (t, D)."""
    w = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    u, z = np.split(x @ w["in_proj.weight"].T + w.get("in_proj.bias", 0.0), 2, axis=-1)
    u = silu(causal_convolution(u, w["conv1d.weight"][:, 0]) + w.get("conv1d.bias", 0.0))
    rank, n = w["dt_proj.weight"].shape[1], w["A_log"].shape[1]
    dt, B, C = np.split(u @ w["x_proj.weight"].T, [rank, rank + n], axis=-1)
    delta = np.logaddexp(0.0, dt @ w["dt_proj.weight"].T + w["dt_proj.bias"])  # (t, E)
    A = -np.exp(w["A_log"])  # (E, N)
    h = np.zeros_like(A)
    rows = []
    for t in range(len(x)):
        h = np.exp(delta[t][:, None] * A) * h + (delta[t] * u[t])[:, None] * B[t][None, :]
        rows.append(h @ C[t] + w["D"] * u[t])
    return (np.stack(rows) * silu(z)) @ w["out_proj.weight"].T + w.get("out_proj.bias", 0.0)


def causal_convolution(x: Array, taps: Array) -> Array:
    """Depthwise over time, zeros before the first step: x (t, E), taps (E, k)."""
    width = taps.shape[1]
    padded = np.concatenate([np.zeros((width - 1, x.shape[1])), x])
    return np.stack([(padded[t : t + width] * taps.T).sum(0) for t in range(len(x))])


def silu(x: Array) -> Array:
    """x times its sigmoid."""
    return x / (1.0 + np.exp(-x))
