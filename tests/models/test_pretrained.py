"""A model comes back from its folder as it was; a folder that is wrong in any way is refused, and runs nothing."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import smidgen
from smidgen.errors import CheckpointError
from smidgen.models import (
    MDCSACRF,
    AccessPointEncoder,
    AccessPointEncoderConfig,
    BidirectionalGRUEncoder,
    DecodedClassifier,
    DecoderConfig,
    GRUConfig,
    GRUEncoder,
    KeywordConfig,
    KeywordSpotter,
    LastStep,
    MambaBackbone,
    MambaBackboneConfig,
    MambaBlock,
    MambaBlockConfig,
    MambaConfig,
    MambaEncoder,
    MambaMixer,
    MDCSAConfig,
    MDCSACRFConfig,
    MDCSAEncoder,
    MLPConfig,
    MLPEncoder,
    PretrainedModel,
    RoomClassifier,
    RoomDecoder,
    SSDConfig,
    SSDEncoder,
    TCNConfig,
    TCNEncoder,
    TransformerConfig,
    TransformerEncoder,
    build_model,
)

FEATURES = torch.randn(2, 7, 4, generator=torch.Generator().manual_seed(0))
TOKENS = torch.arange(14).reshape(2, 7) % 5


def room_classifier() -> RoomClassifier:
    """The smallest."""
    return build_model("gru", n_access_points=2, n_motion=1, n_rooms=3, d_model=4)


def decoded_classifier() -> DecodedClassifier:
    """The same with a decoder behind it."""
    return DecodedClassifier(room_classifier(), RoomDecoder(DecoderConfig(n_rooms=3)))


#: Every class that a folder can hold, with an input of its own.
MODELS: dict[str, tuple[Callable[[], PretrainedModel], tuple[torch.Tensor, ...]]] = {
    "MambaEncoder": (lambda: MambaEncoder(MambaConfig(d_input=4, d_model=8, dt_rank=3)), (FEATURES,)),
    "MambaBlock": (lambda: MambaBlock(MambaBlockConfig(d_model=4, layer_norm=True, proj_bias=True)), (FEATURES,)),
    "MambaMixer": (lambda: MambaMixer(MambaBlockConfig(d_model=4, expand=1.5, conv_bias=False)), (FEATURES,)),
    "MambaBackbone": (
        lambda: MambaBackbone(MambaBackboneConfig(d_model=4, n_layers=2, vocab_size=5, n_outputs=5, tied=True)),
        (TOKENS,),
    ),
    "TransformerEncoder": (
        lambda: TransformerEncoder(TransformerConfig(d_input=4, n_positions=9, d_model=8)), (FEATURES,)
    ),
    "SSDEncoder": (lambda: SSDEncoder(SSDConfig(d_input=4, d_model=8, d_head=4)), (FEATURES,)),
    "KeywordSpotter": (lambda: KeywordSpotter(KeywordConfig(d_input=4, d_model=8, learn_decay=False)), (FEATURES,)),
    "GRUEncoder": (lambda: GRUEncoder(GRUConfig(d_input=4, d_model=8)), (FEATURES,)),
    "TCNEncoder": (lambda: TCNEncoder(TCNConfig(d_input=4, d_model=8)), (FEATURES,)),
    "MLPEncoder": (lambda: MLPEncoder(MLPConfig(d_input=4, d_model=8, n_frames=3)), (FEATURES,)),
    "MDCSAEncoder": (lambda: MDCSAEncoder(MDCSAConfig(d_input=4, d_motion=1, d_model=4, n_positions=9)), (FEATURES,)),
    "MDCSACRF": (
        lambda: MDCSACRF(MDCSACRFConfig(n_access_points=2, n_motion=1, n_rooms=3, d_model=4)),
        (FEATURES[..., :2], FEATURES[..., 2:3]),
    ),
    "BidirectionalGRUEncoder": (lambda: BidirectionalGRUEncoder(GRUConfig(d_input=4, d_model=8)), (FEATURES,)),
    "AccessPointEncoder": (
        lambda: AccessPointEncoder(AccessPointEncoderConfig(n_motion=1)), (FEATURES[..., :2], FEATURES[..., 2:3])
    ),
    "RoomDecoder": (lambda: RoomDecoder(DecoderConfig(n_rooms=4, delay=1)), (FEATURES,)),
    "DecodedClassifier": (decoded_classifier, (FEATURES[..., :2], FEATURES[..., 2:3])),
    "RoomClassifier": (room_classifier, (FEATURES[..., :2], FEATURES[..., 2:3])),
    "LastStep": (lambda: LastStep(room_classifier()), (FEATURES[..., :2], FEATURES[..., 2:3])),
}  # fmt: skip


def test_every_model_of_ours_is_here() -> None:
    """A class that joins the registry joins these tests."""
    assert set(PretrainedModel._classes) == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    """Class, config, every tensor, every output; written twice, the same bytes."""
    build, inputs = MODELS[name]
    model = build().eval()
    folder = model.save_pretrained(tmp_path / "model")
    again = smidgen.load_model(folder)
    assert (type(again), again.config, again.training) == (type(model), model.config, False)
    torch.testing.assert_close(again(*inputs), model(*inputs), rtol=0, atol=0)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    again.save_pretrained(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert set(first) == {"config.json", "model.safetensors"}


def test_a_class_reads_only_its_own(tmp_path: Path) -> None:
    """`from_pretrained` of a class refuses another's folder by both names."""
    folder = MODELS["GRUEncoder"][0]().save_pretrained(tmp_path)
    assert isinstance(GRUEncoder.from_pretrained(folder), GRUEncoder)
    with pytest.raises(CheckpointError, match="holds a GRUEncoder, asked for a MambaEncoder"):
        MambaEncoder.from_pretrained(folder)


def edit(**changes: object) -> Callable[[Path], object]:
    """Return the damage that sets entries of config.json."""

    def damage(folder: Path) -> None:
        document = json.loads((folder / "config.json").read_text())
        document.update(changes)
        (folder / "config.json").write_text(json.dumps(document))

    return damage


def edit_config(**changes: object) -> Callable[[Path], object]:
    """Return the damage that sets entries of the model's own config."""

    def damage(folder: Path) -> None:
        edit(config={**json.loads((folder / "config.json").read_text())["config"], **changes})(folder)

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), r"config\.json cannot be read \(No such f.*a model folder"),
        (lambda folder: (folder / "config.json").write_text("{"), r"config\.json is not JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), r"was not written by save_pretrained"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "mamba"}'), "is read by smidgen.importing"),
        (edit(format=2), r"format 2, this version reads 1"),
        (edit(model="GRUEncoderr"), r"there is no model 'GRUEncoderr'; did you mean 'GRUEncoder'\?"),
        (edit(auto_map="evil.Model"), r"config\.json has no field 'auto_map'"),
        (edit_config(d_modell=3), r"config has no field 'd_modell'; did you mean 'd_model'\?"),
        (edit_config(d_model="4"), r"config\.d_model: expected a whole number, found '4'"),
        (edit_config(d_model=0), r"config: GRUConfig: d_model must be at least 1, got 0"),
        (edit_config(d_model=16), r"in_proj\.weight is torch\.float32 \(8, 4\), its config asks .* \(16, 4\)"),
        (edit_config(d_model=10**7), r"d_model is 10000000, and there are \d+ weights beside it"),
        (edit_config(n_layers=10**9), r"n_layers is 1000000000, and there are \d+ weights beside it"),
        (edit_config(n_layers=2), r"missing gru\.bias_hh_l1, .*; unknown none"),
        (lambda folder: (folder / "model.safetensors").unlink(), "holds no readable weights: .*No such file"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 99), "holds no readable weights"),
        (lambda folder: (folder / "model.safetensors").write_bytes(pickle.dumps({})), "holds no readable weights"),
    ],
)  # fmt: skip
def test_a_damaged_folder_is_refused(damage: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    """Each way a folder can be wrong has its own message."""
    folder = MODELS["GRUEncoder"][0]().save_pretrained(tmp_path)
    damage(folder)
    with pytest.raises(CheckpointError, match=message):
        smidgen.load_model(folder)


def test_a_failed_save_leaves_the_old_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up in the middle leaves the file that was there."""
    model = MODELS["GRUEncoder"][0]()
    folder = model.save_pretrained(tmp_path)
    before = (folder / "model.safetensors").read_bytes()

    def full(path: Path, content: bytes) -> int:
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        model.save_pretrained(folder)
    assert (folder / "model.safetensors").read_bytes() == before
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors"}
