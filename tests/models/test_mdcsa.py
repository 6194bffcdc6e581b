"""The MDCSA teacher is what the paper and its code say, in size, in what each part sees, and in what learns."""

import math

import pytest
import torch
from torch.nn import functional as F

from smidgen.errors import ConfigError
from smidgen.models import MDCSACRF, MDCSAConfig, MDCSACRFConfig, MDCSAEncoder, PretrainedModel
from smidgen.models.mdcsa import KERNEL_SIZES, interleave, sinusoids

STEPS, ACCESS_POINTS, MOTION, ROOMS = 8, 4, 6, 5


def encoder(**changed: object) -> MDCSAEncoder:
    torch.manual_seed(0)
    return MDCSAEncoder(MDCSAConfig(**{"d_input": 10, "d_motion": 6, "d_model": 8, "n_positions": STEPS} | changed))


def teacher(*, n_motion: int = MOTION, **changed: object) -> MDCSACRF:
    torch.manual_seed(0)
    shape = {"n_access_points": ACCESS_POINTS, "n_motion": n_motion, "n_rooms": ROOMS, "d_model": 8}
    return MDCSACRF(MDCSACRFConfig(**shape | changed))


def windows(batch: int = 3, *, n_motion: int = MOTION) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    rssi = torch.randint(-100, -40, (batch, STEPS, ACCESS_POINTS), generator=generator).float()
    rssi[torch.rand(rssi.shape, generator=generator) < 0.3] = 127.0
    return rssi, torch.randn(batch, STEPS, n_motion, generator=generator)


@pytest.mark.parametrize(
    ("d_model", "dual", "radio_only"),
    [
        (256, 9_663_341, 7_293_293), (64, 609_581, 459_437), (32, 154_317, 116_109), (16, 39_581, 29_693),
        (8, 10_437, 7_797),
    ],
)  # fmt: skip
@pytest.mark.parametrize("faithful", [True, False])
def test_parameter_counts_are_the_published_ones(d_model, dual, radio_only, faithful):
    """20 radio and 20 motion features, or 11 radio features alone, 9 rooms: the CRF and the head for the hall count."""
    both = MDCSACRFConfig(n_access_points=20, n_motion=20, n_rooms=9, d_model=d_model, faithful=faithful)
    alone = MDCSACRFConfig(n_access_points=11, n_rooms=9, d_model=d_model, faithful=faithful)
    with torch.device("meta"):
        models = MDCSACRF(both), MDCSACRF(alone)
    assert [dual, radio_only] == [sum(p.numel() for p in model.parameters()) for model in models]


def test_convolutions_of_queries_and_keys_see_1_4_and_7_steps_back():
    """A change at step s reaches steps s to s + k - 1 of each convolution, and no other."""
    for kernel_size, branch in zip(KERNEL_SIZES, encoder().branches, strict=True):
        for attention in branch.attentions:
            for convolution in (attention.query, attention.key):
                x = torch.randn(1, 12, 8, generator=torch.Generator().manual_seed(3))
                changed = x.clone()
                changed[:, 2] += 1.0
                reached = (convolution(changed) - convolution(x)).abs().sum((0, 2)) > 1e-6
                assert reached.nonzero()[:, 0].tolist() == list(range(2, 2 + kernel_size))


def test_outputs_of_branches_are_interleaved_in_time():
    """Step 0 of branches 1, 4, 7, then step 1 of each: the merging convolution reads one step of all three."""
    sequences = [torch.arange(4.0)[None, :, None] + 10.0 * k for k in KERNEL_SIZES]
    expected = [10, 40, 70, 11, 41, 71, 12, 42, 72, 13, 43, 73]
    assert interleave(sequences)[0, :, 0].tolist() == expected


def test_a_branch_is_its_formulas():
    """Attention, fusion and gate written out with matrices equal the modules, for both modalities."""
    branch = encoder().branches[1].eval()
    radio, motion = torch.randn(2, 1, STEPS, 8, generator=torch.Generator().manual_seed(5)).unbind(0)

    def attended(layer, x):
        padded = F.pad(x.transpose(1, 2), (3, 0))
        q = torch.tanh(F.conv1d(padded, layer.query.weight, layer.query.bias)).transpose(1, 2)
        k = torch.tanh(F.conv1d(padded, layer.key.weight, layer.key.bias)).transpose(1, 2)
        weights = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(8), dim=-1)
        return F.layer_norm(weights @ x + x, (8,), layer.norm.weight, layer.norm.bias)

    y, context = attended(branch.attentions[0], radio), attended(branch.attentions[1], motion)
    fusion = branch.fusion
    first = y @ fusion.first.weight.T + fusion.first.bias + context @ fusion.context.weight.T
    hidden = F.elu(first) @ fusion.second.weight.T + fusion.second.bias
    a, b = (hidden @ fusion.gate.weight.T + fusion.gate.bias).split(8, dim=-1)
    expected = F.layer_norm(a * torch.sigmoid(b) + y, (8,), fusion.norm.weight, fusion.norm.bias)
    torch.testing.assert_close(branch(radio, motion), expected)


def test_positions_turn_twice_as_fast_in_the_faithful_form():
    """Pair i of H = 8 has the frequency 10000^(-i/H) for i = 0, 2, 4, 6; in the authors' code 10000^(-2i/H)."""
    for faithful, factor in ((False, 1.0), (True, 2.0)):
        table = sinusoids(MDCSAConfig(d_input=1, d_model=8, n_positions=5, faithful=faithful))
        for position in range(5):
            angles = [position * 10_000.0 ** (-factor * i / 8) for i in (0, 2, 4, 6)]
            expected = [f(angle) for angle in angles for f in (math.sin, math.cos)]
            torch.testing.assert_close(table[position], torch.tensor(expected))


@pytest.mark.parametrize("faithful", [True, False])
def test_embeddings_learn_in_the_repaired_form_only(faithful):
    """In the authors' code no gradient reaches them; everything else learns in both forms."""
    model = teacher(faithful=faithful)
    emissions, hall = model(*windows())
    (emissions.square().mean() + hall.square().mean()).backward()
    without = {name for name, p in model.named_parameters() if p.grad is None}
    embeddings = {f"encoder.embeddings.{i}.{part}" for i in (0, 1) for part in ("weight", "bias")}
    crf = {"crf.start", "crf.end", "crf.transition"}
    assert without == (embeddings | crf if faithful else crf)


def test_radio_alone_has_no_second_modality():
    """It answers without motion, and differs from the dual model in nothing but what motion needs."""
    alone = teacher(n_motion=0).eval()
    emissions, hall = alone(*windows(n_motion=0))
    assert (emissions.shape, hall.shape) == ((3, STEPS, ROOMS), (3, STEPS))
    extra = {name for name, _ in teacher().named_parameters()} - {name for name, _ in alone.named_parameters()}
    assert all("embeddings.1" in name or "attentions.1" in name or "context" in name for name in extra)


def test_the_scaler_maps_training_data_to_0_to_1():
    """Per feature, "not heard" as -120 dBm; what never varied stays 0; new data may lie outside."""
    model = teacher()
    rssi, motion = windows(20)
    motion[..., 0] = 0.5
    model.fit_scaler(rssi, motion)
    heard = torch.where(rssi == 127.0, -120.0, rssi)
    scaled = model.scaler(torch.cat([heard, motion], dim=-1))
    low, high = scaled.flatten(0, 1).amin(0), scaled.flatten(0, 1).amax(0)
    assert low.tolist() == [0.0] * 10
    assert high.tolist() == [1.0] * 4 + [0.0] + [1.0] * 5
    assert model.scaler(torch.full((1, 1, 10), 10.0)).amax() > 1.0


def test_a_teacher_decodes_and_gives_soft_labels(tmp_path):
    """Rooms (b, t), probabilities (b, t, R) that sum to 1; a stored teacher, scaler included, gives the same."""
    model = teacher().eval()
    rssi, motion = windows()
    model.fit_scaler(rssi, motion)
    with torch.no_grad():
        rooms, probabilities = model.decode(rssi, motion), model.marginals(rssi, motion)
        again = PretrainedModel.from_pretrained(model.save_pretrained(tmp_path / "teacher"))
        torch.testing.assert_close(again.marginals(rssi, motion), probabilities, rtol=0, atol=0)
    assert rooms.shape == (3, STEPS)
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(3, STEPS))


def test_dropout_disturbs_training_only():
    """Two passes differ while training and are equal in evaluation."""
    model = teacher(dropout=0.3)
    inputs = windows()
    assert not torch.equal(model(*inputs)[0], model(*inputs)[0])
    model.eval()
    assert torch.equal(model(*inputs)[0], model(*inputs)[0])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"d_model": 7}, "d_model must be even, half sines half cosines, got 7"),
        ({"d_motion": 10}, "must leave features for the radio, got 10 of 10"),
        ({"dropout": 0.5}, r"dropout must lie in \[0, 0.5\), got 0.5"),
        ({"gate_expand": 0}, "gate_expand must be at least 1, got 0"),
    ],
)
def test_wrong_sizes_are_refused(changed, message):
    """With the field, its value, and what is legal."""
    with pytest.raises(ConfigError, match=message):
        encoder(**changed)
    with pytest.raises(ConfigError, match="n_rooms must be at least 2, got 1"):
        teacher(n_rooms=1)
