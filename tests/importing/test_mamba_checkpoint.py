"""Checkpoints of three packages give our Mamba the numbers of a plain scan written from the paper."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from mamba_reference import FAMILIES, State, random_mixer, random_model, run_mixer, run_model, tensor

from smidgen.errors import CheckpointError
from smidgen.importing import load_mamba
from smidgen.models import MambaBackbone, MambaMixer

SIZES = {"d_model": 6, "d_inner": 12, "d_state": 4, "d_conv": 3, "rank": 2}
STEPS = 17


def inputs(rng: np.random.Generator, model: MambaBackbone) -> tuple[torch.Tensor, np.ndarray]:
    """Return one sequence of tokens, or of features where there is no embedding."""
    if model.embedding is None:
        x = rng.normal(size=(STEPS, SIZES["d_model"]))
        return tensor(x)[None], x.astype(np.float32)
    tokens = rng.integers(0, model.embedding.num_embeddings, STEPS)
    return torch.from_numpy(tokens)[None], tokens


def agrees(found: torch.Tensor, expected: np.ndarray) -> bool:
    """Within 1e-5 of the largest value."""
    return bool(np.abs(found.detach().double().numpy() - expected).max() <= 1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "own head"])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_checkpoint_equals_a_plain_scan(name: str, tied: bool) -> None:
    """Embedding, blocks, last norm and head, each where the package keeps it; random weights, 1e-5."""
    rng = np.random.default_rng(len(name))
    state = random_model(rng, FAMILIES[name], tied=tied, **SIZES)
    model = load_mamba(state)
    assert isinstance(model, MambaBackbone)
    x, plain = inputs(rng, model)
    assert agrees(model(x)[0], run_model(state, FAMILIES[name], plain))
    assert model.config.tied == (tied and FAMILIES[name].head is not None)


def test_the_comparison_sees_a_wrong_weight() -> None:
    """Decays wrong by 1 % are far beyond the tolerance."""
    rng = np.random.default_rng(0)
    family = FAMILIES["mamba.py"]
    state = random_model(rng, family, **SIZES)
    model = load_mamba(state)
    x, plain = inputs(rng, model)
    state["mamba.layers.0.mixer.A_log"] *= 1.01
    assert not agrees(model(x)[0], run_model(state, family, plain))


@pytest.mark.parametrize(
    "sizes",
    [
        {"d_model": 5, "d_inner": 5, "d_state": 1, "d_conv": 1, "rank": 1},
        {"d_model": 4, "d_inner": 6, "d_state": 16, "d_conv": 4, "rank": 7, "biases": True},
        {"d_model": 7, "d_inner": 10, "d_state": 3, "d_conv": 2, "rank": 3},
    ],
    ids=["smallest", "biases and a large rank", "expansion that is no whole number"],
)
def test_a_mixer_alone_has_any_shape(sizes: dict[str, int]) -> None:
    """All dimensions follow from the shapes; the convolution may lack its bias."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(STEPS, sizes["d_model"])).astype(np.float32)
    for with_bias in (True, False):
        state = random_mixer(rng, **sizes)
        if not with_bias:
            del state["conv1d.bias"]
        mixer = load_mamba(state)
        assert isinstance(mixer, MambaMixer)
        expected = run_mixer({name: value.double().numpy() for name, value in state.items()}, x)
        assert agrees(mixer(tensor(x)[None])[0], expected)


def test_layer_norms_and_their_epsilon() -> None:
    """mamba_ssm with rms_norm=False has LayerNorm, told by its bias; the epsilon can be given."""
    rng = np.random.default_rng(2)
    family = FAMILIES["mamba_ssm"]
    state = random_model(rng, family, **SIZES)
    for name in [name for name in state if "norm" in name]:
        state[name.replace("weight", "bias")] = tensor(rng.normal(size=SIZES["d_model"]))
    model = load_mamba(state, norm_eps=0.1)
    x, plain = inputs(rng, model)
    assert agrees(model(x)[0], run_model(state, family, plain, eps=0.1))
    assert not agrees(model(x)[0], run_model(state, family, plain))


def safetensors_file(state: State, folder: Path) -> Path:
    """As Hugging Face writes it: a tied head is left out."""
    kept = {name: value.clone() for name, value in state.items() if name != "lm_head.weight"}
    safetensors.torch.save_file(kept, folder / "model.safetensors")
    return folder / "model.safetensors"


def folder_with_config(state: State, folder: Path) -> Path:
    """The file beside a config that names the epsilon."""
    safetensors_file(state, folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "mamba", "layer_norm_epsilon": 1e-5}))
    return folder


def torch_file(state: State, folder: Path) -> Path:
    """As training loops write it: below "state_dict", with other things beside."""
    torch.save({"state_dict": state, "epoch": 3}, folder / "model.pt")
    return folder / "model.pt"


def bin_in_folder(state: State, folder: Path) -> Path:
    """As mamba_ssm publishes it."""
    torch.save(state, folder / "pytorch_model.bin")
    return folder


@pytest.mark.parametrize("store", [safetensors_file, folder_with_config, torch_file, bin_in_folder])
def test_files_and_folders_hold_the_same(store: Callable[[State, Path], Path], tmp_path: Path) -> None:
    """Whatever way a checkpoint was stored, it gives what the dict in memory gives."""
    rng = np.random.default_rng(3)
    state = random_model(rng, FAMILIES["transformers"], **SIZES)
    expected, found = load_mamba(state), load_mamba(store(state, tmp_path))
    assert found.config == expected.config
    assert found.config.tied
    tokens = torch.arange(9)[None]
    assert torch.equal(found(tokens), expected(tokens))


def test_half_precision_is_widened_and_a_prefix_taken_off() -> None:
    """Part of a larger model, in bfloat16."""
    rng = np.random.default_rng(4)
    state = random_model(rng, FAMILIES["mamba.py without head"], **SIZES)
    larger = {f"encoder.{name}": value.bfloat16() for name, value in state.items()} | {"head.weight": tensor([1.0])}
    model = load_mamba(larger, prefix="encoder.")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    x, plain = inputs(rng, model)
    rounded = {name: value.bfloat16().float() for name, value in state.items()}
    assert agrees(model(x)[0], run_model(rounded, FAMILIES["mamba.py without head"], plain))


def without(*names: str) -> Callable[[State], object]:
    """Return the edit that removes keys."""
    return lambda state: [state.pop(name) for name in names]


def adding(name: str, *shape: int) -> Callable[[State], object]:
    """Return the edit that sets a tensor of zeros."""
    return lambda state: state.update({name: torch.zeros(shape)})


LAYER = "backbone.layers.1."
EDITS: list[tuple[Callable[[State], object], str]] = [
    (without(f"{LAYER}mixer.D", f"{LAYER}norm.weight"), rf"missing {LAYER}mixer\.D, {LAYER}norm\.weight; unknown none"),
    (without(f"{LAYER}mixer.conv1d.bias"), r"missing backbone\.layers\.1\.mixer\.conv1d\.bias"),
    (adding("classifier.weight", 3, 6), r"missing none; unknown classifier\.weight$"),
    (adding(f"{LAYER}mixer.dt_layernorm.weight", 2), r"unknown .*dt_layernorm\.weight\. Norms of delta, B and C"),
    (adding(f"{LAYER}mixer.dt_bias", 2), r"unknown .*dt_bias\. A decay of one scalar per head is Mamba-2"),
    (adding(f"{LAYER}mixer.A_b_log", 2), "scans in both directions, as in Vision Mamba, is not supported"),
    (adding(f"{LAYER}mlp.fc1.weight", 2), "Layers with an MLP of their own are not supported"),
    (adding("backbone.layers.3.mixer.D", 2), r"backbone\.layers\.N: expected layers 0 to 3, found \[0, 1, 3\]"),
    (adding(f"{LAYER}mixer.D", 5), r"1\.mixer\.D has shape \(5,\), the other weights ask for \(12,\)"),
    (adding("backbone.layers.0.mixer.A_log", 12), r"0\.mixer\.A_log has shape \(12,\), expected 2 axes"),
    (adding("backbone.layers.0.mixer.in_proj.weight", 24, 0), r"in_proj\.weight has shape \(24, 0\)"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "message"), EDITS)
def test_keys_that_do_not_fit_are_named(edit: Callable[[State], object], message: str) -> None:
    """Missing, unknown, of another shape; variants of the block are told by what they are."""
    state = random_model(np.random.default_rng(5), FAMILIES["mamba_ssm"], **SIZES)
    edit(state)
    with pytest.raises(CheckpointError, match=message):
        load_mamba(state)


class Call:
    """Unpickling this makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Path]]:
        return (Path.mkdir, (self.path,))


def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path) -> None:
    """A pickle that calls something is not run; each other mistake has its sentence."""
    trap, made = tmp_path / "trap.pt", tmp_path / "made"
    torch.save({"layers": Call(made)}, trap)
    with pytest.raises(CheckpointError, match=r"trap\.pt cannot be read as plain tensors .* best with safetensors"):
        load_mamba(trap)
    assert not made.exists()
    (tmp_path / "model.safetensors").write_bytes(b"x" * 99)
    torch.save([1.0], tmp_path / "list.pt")
    torch.save({"epoch": 3}, tmp_path / "numbers.pt")
    (tmp_path / "empty").mkdir()
    for path, message in [
        ("model.safetensors", "is no readable safetensors file"), ("list.pt", "holds no tensors by name, found list"),
        ("numbers.pt", "'epoch' is no tensor, found int"), ("nowhere.pt", "there is no such file"),
        ("empty", r"holds no model\.safetensors and no pytorch_model\.bin"),
    ]:  # fmt: skip
        with pytest.raises(CheckpointError, match=message):
            load_mamba(tmp_path / path)
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"expected a state_dict in \.safetensors, .*, found \.onnx"):
        load_mamba(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('{"model_type": "falcon_mamba"}', "model_type is 'falcon_mamba'; only 'mamba' has the block that is imported"),
        ('{"hidden_act": "relu"}', "hidden_act is 'relu'; only 'silu'"),
        ('{"layer_norm_epsilon": "small"}', "the epsilon of the norms must be a number in \\(0, 1\\), found 'small'"),
        ('{"layer_norm_epsilon": true}', "must be a number in \\(0, 1\\), found True"),
        ('{"layer_norm_epsilon": -1e-5}', "must be a number in \\(0, 1\\), found -1e-05"),
        ('{"layer_norm_epsilon": NaN}', "must be a number in \\(0, 1\\), found nan"),
        ("[]", "must hold a JSON object, found list"),
        ("{", "is not JSON"),
    ],
)
def test_a_config_of_another_model_is_refused(config: str, message: str, tmp_path: Path) -> None:
    """Names of weights do not tell everything: the folder's config.json has its say."""
    state = random_model(np.random.default_rng(6), FAMILIES["transformers"], **SIZES)
    folder_with_config(state, tmp_path)
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match=message):
        load_mamba(tmp_path)


def test_a_model_without_layers_says_where_it_looked() -> None:
    """The message has the places, what the keys begin with, and the way to say more."""
    with pytest.raises(CheckpointError, match=r"found under backbone\.layers\.N, layers\.N, mamba\.layers\.N; the"):
        load_mamba({"encoder.layers.0.mixer.D": torch.zeros(3)})
