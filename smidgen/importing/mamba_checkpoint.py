"""Checkpoints of Mamba in the naming of mamba_ssm, Hugging Face transformers and mamba.py, as our own `MambaBackbone`.

The three packages store one block under the same names below `layers.N.mixer` and differ in what stands around it:

    package        layers                  embedding                     last norm         head
    mamba_ssm      backbone.layers.N       backbone.embedding.weight     backbone.norm_f   lm_head.weight (tied)
    transformers   backbone.layers.N       backbone.embeddings.weight    backbone.norm_f   lm_head.weight (tied)
    mamba.py       mamba.layers.N          embedding.weight              norm_f            lm_head.weight

Their models without a head drop the outermost name (`layers.N`, ...), and a single mixer has no prefix at all. None of
the packages is needed: all dimensions follow from the shapes.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from smidgen.errors import CheckpointError, ConfigError
from smidgen.importing.state_dict import read_state_dict
from smidgen.models import MambaBackbone, MambaBackboneConfig, MambaBlockConfig, MambaMixer

Config = TypeVar("Config", bound=MambaBlockConfig)

_NORM_EPS = 1e-5  # of all three packages, where their config says nothing else
_EPS_KEYS = ("layer_norm_epsilon", "norm_epsilon", "rms_norm_eps")

_MIXER = ("A_log", "D", "in_proj.weight", "conv1d.weight", "x_proj.weight", "dt_proj.weight", "dt_proj.bias",
          "out_proj.weight")  # fmt: skip
_MIXER_OPTIONS = ("conv1d.bias", "in_proj.bias", "out_proj.bias")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Naming:
    """Where one package keeps the parts around the blocks; `tied` where its head may be left out of a file."""

    layers: str
    embedding: str
    final_norm: str
    head: str = "lm_head.weight"
    tied: bool = False


_NAMINGS = (
    _Naming(layers="backbone.layers.", embedding="backbone.embedding.weight", final_norm="backbone.norm_f.", tied=True),
    _Naming(
        layers="backbone.layers.", embedding="backbone.embeddings.weight", final_norm="backbone.norm_f.", tied=True
    ),
    _Naming(layers="mamba.layers.", embedding="embedding.weight", final_norm="norm_f."),
    _Naming(layers="layers.", embedding="embedding.weight", final_norm="norm_f."),
    _Naming(layers="layers.", embedding="embeddings.weight", final_norm="norm_f."),
)


def load_mamba(
    source: str | Path | Mapping[str, Tensor], *, prefix: str = "", norm_eps: float | None = None
) -> MambaBackbone | MambaMixer:
    """Return a Mamba checkpoint as our own module, in evaluation mode and float32.

    Args:
        source: a state_dict, a file of one (`.safetensors`, or torch.save's, read as plain data only), or a folder
            that holds `model.safetensors` or `pytorch_model.bin`, and `config.json`.
        prefix: of the keys to take, where the Mamba is part of a larger model: "encoder.".
        norm_eps: of the norms; default what a folder's `config.json` says, else 1e-5.

    Returns: a `MambaMixer` for the state_dict of a single mixer, a `MambaBackbone` for anything that has layers.
    Raises: CheckpointError naming keys that are missing or unknown, or a shape that does not fit.
    """
    config: Mapping[str, object] = {}
    if not isinstance(source, Mapping) and Path(source).is_dir():
        source, config = _files(Path(source))
    state = {
        name.removeprefix(prefix): tensor.detach().float()
        for name, tensor in read_state_dict(source).items()
        if name.startswith(prefix)
    }
    eps = norm_eps if norm_eps is not None else _configured_eps(config)
    model = _mixer(state) if "A_log" in state else _backbone(state, eps)
    return model.eval()


# ---- one mixer -------------------------------------------------------------------------------------------------------


def _mixer(state: Mapping[str, Tensor]) -> MambaMixer:
    _require_keys(state, _MIXER, _MIXER_OPTIONS)
    model = MambaMixer(_block_config(MambaBlockConfig, state, "", {}))
    _fill(model, {name: name for name in state}, state)
    return model


def _block_config(kind: type[Config], state: Mapping[str, Tensor], mixer: str, options: Mapping[str, Any]) -> Config:
    """Infer the shape of a block from the tensors of one mixer, whose names begin with `mixer`."""

    def sizes(name: str, rank: int) -> tuple[int, ...]:
        tensor = state[mixer + name]
        if tensor.dim() != rank or not tensor.numel():
            raise CheckpointError(f"{mixer}{name} has shape {tuple(tensor.shape)}, expected {rank} axes of 1 or more")
        return tuple(tensor.shape)

    d_inner, d_state = sizes("A_log", 2)
    d_model = sizes("in_proj.weight", 2)[1]
    try:
        return kind(
            d_model=d_model,
            d_state=d_state,
            d_conv=sizes("conv1d.weight", 3)[2],
            expand=d_inner / d_model,
            dt_rank=sizes("dt_proj.weight", 2)[1],
            conv_bias=f"{mixer}conv1d.bias" in state,
            proj_bias=f"{mixer}in_proj.bias" in state,
            **options,
        )
    except ConfigError as error:
        raise CheckpointError(f"{mixer or 'the mixer'}: {error}") from error


# ---- a stack of layers -----------------------------------------------------------------------------------------------


def _backbone(state: Mapping[str, Tensor], eps: float) -> MambaBackbone:
    naming = _naming(state)
    n_layers = _layer_count(state, naming.layers)
    _require_keys(state, _layer_keys(state, naming, n_layers), [naming.embedding, naming.head])
    embedding, head = state.get(naming.embedding), state.get(naming.head)
    # A head that shares the embedding's weight is left out by safetensors, or stored twice by torch.save.
    tied = embedding is not None and (torch.equal(embedding, head) if head is not None else naming.tied)
    options = {
        "n_layers": n_layers,
        "vocab_size": None if embedding is None else embedding.shape[0],
        "final_norm": f"{naming.final_norm}weight" in state,
        "n_outputs": embedding.shape[0] if tied and embedding is not None else None if head is None else head.shape[0],
        "tied": tied,
        "layer_norm": f"{naming.layers}0.norm.bias" in state,
        "norm_eps": eps,
    }
    config = _block_config(MambaBackboneConfig, state, f"{naming.layers}0.mixer.", options)
    model = MambaBackbone(config)
    _fill(model, {name: _our_name(name, naming) for name in state if not (tied and name == naming.head)}, state)
    return model


def _layer_keys(state: Mapping[str, Tensor], naming: _Naming, n_layers: int) -> list[str]:
    """Return the keys that all layers must have: those of the block, and what the first layer has beyond them."""
    norm = ["norm.weight", "norm.bias"] if f"{naming.layers}0.norm.bias" in state else ["norm.weight"]
    options = [name for name in _MIXER_OPTIONS if f"{naming.layers}0.mixer.{name}" in state]
    block = [*(f"mixer.{name}" for name in (*_MIXER, *options)), *norm]
    keys = [f"{naming.layers}{layer}.{name}" for layer in range(n_layers) for name in block]
    if f"{naming.final_norm}weight" in state:
        keys += [naming.final_norm + name.removeprefix("norm.") for name in norm]
    return keys


def _our_name(name: str, naming: _Naming) -> str:
    if name.startswith(naming.layers):
        return "layers." + name.removeprefix(naming.layers).replace(".mixer.", ".", 1)
    if name.startswith(naming.final_norm):
        return "norm." + name.removeprefix(naming.final_norm)
    return "embedding.weight" if name == naming.embedding else "head.weight"


def _naming(state: Mapping[str, Tensor]) -> _Naming:
    fitting = [naming for naming in _NAMINGS if any(name.startswith(naming.layers) for name in state)]
    if not fitting:
        raise CheckpointError(
            f"no layers of a Mamba were found under {', '.join(sorted({n.layers + 'N' for n in _NAMINGS}))}; "
            f"the keys begin with {_some(_roots(state))}. Say where it is by prefix=, as in prefix='encoder.'"
        )
    return next((naming for naming in fitting if naming.embedding in state), fitting[0])


def _layer_count(state: Mapping[str, Tensor], layers: str) -> int:
    pattern = re.compile(re.escape(layers) + r"(\d+)\.mixer\.")
    numbers = {int(match[1]) for match in map(pattern.match, state) if match}
    if not numbers:
        raise CheckpointError(f"{layers}N has no mixer; the keys below it are {_some(sorted(state))}")
    if numbers != set(range(len(numbers))):
        raise CheckpointError(f"{layers}N: expected layers 0 to {max(numbers)}, found {sorted(numbers)}")
    return len(numbers)


def _roots(state: Mapping[str, Tensor]) -> list[str]:
    return sorted({".".join(name.split(".")[:2]) for name in state})


# ---- shared ----------------------------------------------------------------------------------------------------------


def _require_keys(state: Mapping[str, Tensor], required: Sequence[str], optional: Sequence[str]) -> None:
    missing = [name for name in required if name not in state]
    unknown = sorted(set(state) - set(required) - set(optional))
    hints = "".join(hint for key, hint in _VARIANTS.items() if any(key in name for name in unknown))
    if missing or unknown:
        raise CheckpointError(
            f"these are not the weights of a Mamba as published: missing {_some(missing)}; "
            f"unknown {_some(unknown)}{hints}"
        )


#: Keys by which variants of the block are known.
_VARIANTS = {
    "dt_layernorm": ". Norms of delta, B and C, as in Jamba, are not supported",
    "dt_bias": ". A decay of one scalar per head is Mamba-2",
    "A_b_log": ". A block that scans in both directions, as in Vision Mamba, is not supported",
    ".mlp.": ". Layers with an MLP of their own are not supported; build the model and compile the module",
}


def _fill(model: torch.nn.Module, ours: Mapping[str, str], state: Mapping[str, Tensor]) -> None:
    """Copy each tensor to its name in our model; `ours` maps the checkpoint's names to ours."""
    expected = model.state_dict()
    for theirs, name in ours.items():
        if state[theirs].shape != expected[name].shape:
            raise CheckpointError(
                f"{theirs} has shape {tuple(state[theirs].shape)}, the other weights ask for "
                f"{tuple(expected[name].shape)}"
            )
    model.load_state_dict({name: state[theirs] for theirs, name in ours.items()})


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "") or "none"


# ---- folders ---------------------------------------------------------------------------------------------------------


def _files(folder: Path) -> tuple[Path, Mapping[str, object]]:
    weights = [folder / name for name in ("model.safetensors", "pytorch_model.bin") if (folder / name).is_file()]
    if not weights:
        raise CheckpointError(f"{folder} holds no model.safetensors and no pytorch_model.bin")
    path = folder / "config.json"
    if not path.is_file():
        return weights[0], {}
    try:
        config = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{path} must hold a JSON object, found {type(config).__name__}")
    for key, legal in (("model_type", "mamba"), ("hidden_act", "silu")):
        if config.get(key, legal) != legal:
            raise CheckpointError(f"{path}: {key} is {config[key]!r}; only {legal!r} has the block that is imported")
    return weights[0], config


def _configured_eps(config: Mapping[str, object]) -> float:
    eps = next((config[key] for key in _EPS_KEYS if key in config), _NORM_EPS)
    if isinstance(eps, bool) or not isinstance(eps, int | float) or not 0.0 < eps < 1.0:
        raise CheckpointError(f"config.json: the epsilon of the norms must be a number in (0, 1), found {eps!r}")
    return float(eps)
