"""Every room classifier has the promised shape, looks at no future, and exports to few and whole ops."""

from collections import Counter

import pytest
import torch
from torch.export import Dim

from smidgen.errors import ConfigError
from smidgen.models import MODEL_NAMES, ClassifierConfig, LastStep, RoomClassifier, build_model

STEPS, ACCESS_POINTS, MOTION, ROOMS = 12, 4, 6, 9
SHAPES = {
    "mamba": {"d_model": 16, "n_layers": 2},
    "transformer": {"d_model": 16, "n_heads": 2, "n_positions": STEPS, "n_layers": 2},
    "gru": {"d_model": 16, "n_layers": 2},
    "mamba2": {"d_model": 16, "n_layers": 2},
    "tcn": {"d_model": 16, "n_layers": 2},
    "mlp": {"d_model": 16, "n_frames": 5, "n_layers": 2},
    "mdcsa": {"d_model": 16, "n_positions": STEPS},
    "bidirectional-gru": {"d_model": 16, "n_layers": 2},
}


def classifier(name: str) -> RoomClassifier:
    torch.manual_seed(0)
    model = build_model(name, n_access_points=ACCESS_POINTS, n_motion=MOTION, n_rooms=ROOMS, **SHAPES[name])
    return model.eval()


def inputs(batch: int, steps: int = STEPS) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    rssi = torch.randint(-100, -40, (batch, steps, ACCESS_POINTS), generator=generator).float()
    rssi[torch.rand(rssi.shape, generator=generator) < 0.4] = 127.0
    return rssi, torch.randn(batch, steps, MOTION, generator=generator)


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_logits_have_one_row_per_step(name):
    """(b, t, A) and (b, t, M) give (b, t, R), at every batch size; LastStep gives the last row, (b, R)."""
    model = classifier(name)
    logits = model(*inputs(3))
    assert logits.shape == (3, STEPS, ROOMS)
    torch.testing.assert_close(LastStep(model)(*inputs(3)), logits[:, -1])


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_the_future_changes_past_logits_of_no_causal_model(name):
    """Replacing every step from t on changes the logits at t, and those before t just where `causal` is not claimed."""
    model = classifier(name)
    rssi, motion = inputs(2)
    before = model(rssi, motion)
    for t in (1, STEPS // 2, STEPS - 1):
        changed_rssi, changed_motion = rssi.clone(), motion.clone()
        changed_rssi[:, t:] = -35.0
        changed_motion[:, t:] += 1.0
        after = model(changed_rssi, changed_motion)
        assert torch.allclose(after[:, :t], before[:, :t], atol=1e-5) == model.config.causal
        assert not torch.allclose(after[:, t], before[:, t])


def test_only_the_teachers_look_ahead():
    """Every other network is causal, so it streams."""
    assert [name for name in MODEL_NAMES if not classifier(name).config.causal] == ["mdcsa", "bidirectional-gru"]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("mamba", (14 * 16 + 16) + 2 * (2592 + 16) + 16 + (16 * 9 + 9)),
        ("transformer", (14 * 16 + 16) + 12 * 16 + 2 * (64 + 4 * 272 + 544 + 528) + 32 + (16 * 9 + 9)),
        ("gru", (14 * 16 + 16) + 2 * (2 * 768 + 96) + (16 * 9 + 9)),
        # in_proj D (2 ED + 2 N + heads), conv 5 ED + 10 N, dt, A and D 3 heads, norms ED + D, out_proj ED D
        ("mamba2", (14 * 16 + 16) + 2 * (16 * (64 + 16 + 4) + 5 * 48 + 3 * 4 + 32 + 16 + 512) + 16 + (16 * 9 + 9)),
        ("tcn", (14 * 16 + 16) + 2 * (2 * (3 * 256 + 16) + 16) + 16 + (16 * 9 + 9)),
        ("mlp", (5 * 14 * 16 + 16) + (256 + 16) + (16 * 9 + 9)),
        # 147 H^2 + 62 H of the encoder, embeddings of 8 and 6 features, head
        ("mdcsa", 147 * 256 + 63 * 16 + (14 + 2) * 16 + (16 * 9 + 9)),
        # each direction: gates of 16 features and its state, then of the 32 of both directions below and its state
        ("bidirectional-gru", (14 * 16 + 16) + 2 * (2 * 768 + 96) + 2 * (48 * 32 + 768 + 96) + (32 * 9 + 9)),
    ],
)
def test_parameter_counts(name, parameters):
    """Sizes follow the papers: a Mamba block of D=16, N=8 has 2,592 parameters and its norm 16."""
    assert parameters == sum(p.numel() for p in classifier(name).parameters())


COMMON_OPS = {"clamp", "eq", "abs", "le", "sub", "mul", "where", "cat", "linear", "select"}


# torch 2.13 itself calls what it deprecates (treespec) and assigns nn.GRU's list of flat weights while it traces.
@pytest.mark.filterwarnings("ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:The tensor attributes .*_flat_weights:UserWarning")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "mamba",
            {"rms_norm", "split", "getitem", "transpose", "conv1d", "slice", "silu", "split_with_sizes", "softplus"}
            | {"exp", "neg", "selective_scan", "add"},
        ),
        (
            "transformer",
            {"sym_size", "slice", "add", "layer_norm", "view", "transpose", "scaled_dot_product_attention", "gelu"},
        ),
        ("gru", {"sym_size", "zeros", "gru", "getitem"}),
    ],
)
def test_export_keeps_ops_whole_at_any_batch(name, expected):
    """The exported graph holds just these kinds of op, and at another batch size equals the module."""
    model = LastStep(classifier(name))
    program = torch.export.export(model, inputs(2), dynamic_shapes=({0: Dim.DYNAMIC}, {0: Dim.DYNAMIC}))
    program = program.run_decompositions({})
    calls = [node.target for node in program.graph.nodes if node.op == "call_function"]
    kinds = Counter(getattr(target, "_opname", None) or target.__name__ for target in calls)
    assert COMMON_OPS | expected == set(kinds)
    torch.testing.assert_close(program.module()(*inputs(5)), model(*inputs(5)))


def test_same_seed_gives_the_same_weights():
    """Building draws from torch's global generator only."""
    for name in MODEL_NAMES:
        first, second = classifier(name).state_dict(), classifier(name).state_dict()
        assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_window_longer_than_the_learned_positions_is_refused():
    """Transformer and MDCSA name both lengths."""
    for name in ("transformer", "mdcsa"):
        with pytest.raises(ConfigError, match="12 positions and was given a window of 13 steps"):
            classifier(name)(*inputs(1, steps=13))


def test_a_perceptron_and_a_tcn_see_as_far_back_as_they_say():
    """The last logits depend on the oldest frame within n_frames or the receptive field, and on none before it."""
    tcn = classifier("tcn")
    assert tcn.encoder.config.receptive_field == 13
    for model, steps in ((classifier("mlp"), 5), (tcn, 13)):
        rssi, motion = inputs(1, steps=20)
        before = model(rssi, motion)[:, -1]
        for back, changes in ((steps, True), (steps + 1, False)):
            changed = motion.clone()
            changed[:, -back] += 1.0
            assert torch.equal(model(rssi, changed)[:, -1], before) != changes


def test_a_perceptron_reads_a_window_as_if_it_were_flattened():
    """Its last row is a linear layer of the window's features, frame after frame, and what follows."""
    model = classifier("mlp")
    rssi, motion = inputs(3, steps=5)
    features = model.front_end(rssi, motion).flatten(1)  # (b, T F)
    weight = model.encoder.window.weight.transpose(1, 2).flatten(1)  # (D, T F)
    hidden = torch.relu(features @ weight.T + model.encoder.window.bias)
    expected = model.head(torch.relu(model.encoder.layers[0](hidden)))
    torch.testing.assert_close(model(rssi, motion)[:, -1], expected)


def test_a_convolution_in_front_of_attention_looks_back_alone():
    """Four taps and a bias for each of 16 channels; the logits of a step depend on no later one."""
    plain = classifier("transformer")
    shape = SHAPES["transformer"] | {"d_conv": 4}
    model = build_model("transformer", n_access_points=ACCESS_POINTS, n_motion=MOTION, n_rooms=ROOMS, **shape).eval()
    assert sum(p.numel() for p in model.parameters()) - sum(p.numel() for p in plain.parameters()) == 16 * (4 + 1)
    rssi, motion = inputs(2)
    later = motion.clone()
    later[:, 5:] += 1.0
    torch.testing.assert_close(model(rssi, motion)[:, :5], model(rssi, later)[:, :5])


@pytest.mark.parametrize(
    ("memory", "shape"), [((10, 1000), {}), ((1, 100), {"shortest_memory": 1, "longest_memory": 100})]
)
def test_a_mamba_begins_with_the_memory_that_is_asked_for(memory, shape):
    """1 / softplus(bias) lies between the shortest and the longest, published as 10 and 1000 steps, and spans it."""
    torch.manual_seed(0)
    model = build_model("mamba", n_access_points=ACCESS_POINTS, n_motion=MOTION, n_rooms=ROOMS, d_model=64, **shape)
    steps = 1.0 / torch.nn.functional.softplus(model.encoder.layers[0].dt_proj.bias.double())
    assert memory[0] * 0.999 < steps.min() < memory[0] * 1.5
    assert memory[1] / 1.5 < steps.max() < memory[1] * 1.001


@pytest.mark.parametrize(
    ("name", "shape", "parameters"),
    [
        ("mamba", {"d_model": 12, "d_state": 4}, 1_689),
        ("mamba", {"d_model": 32, "n_layers": 2}, 17_641),
        ("mamba", {"d_model": 60, "d_state": 16, "n_layers": 2}, 59_949),
        ("mamba2", {"d_model": 12, "d_state": 4}, 1_510),
        ("mamba2", {"d_model": 24}, 5_003),
        ("mamba2", {"d_model": 64, "d_state": 16, "n_layers": 2}, 58_985),
        ("transformer", {"d_model": 12, "n_positions": 20, "d_feedforward": 24}, 1_845),
        ("transformer", {"d_model": 32, "n_positions": 20, "d_feedforward": 64}, 10_025),
        ("transformer", {"d_model": 64, "n_positions": 20, "n_layers": 2, "d_feedforward": 64}, 53_385),
        ("gru", {"d_model": 14}, 1_605),
        ("gru", {"d_model": 32}, 7_113),
        ("gru", {"d_model": 64, "n_layers": 2}, 51_465),
        ("tcn", {"d_model": 10}, 1_519),
        ("tcn", {"d_model": 16, "n_layers": 3}, 5_161),
        ("tcn", {"d_model": 48, "n_layers": 4}, 57_081),
        ("mlp", {"d_model": 7, "n_frames": 15}, 1_605),
        ("mlp", {"d_model": 24, "n_frames": 20}, 7_569),
        ("mlp", {"d_model": 128, "n_frames": 20}, 53_641),
        ("mdcsa", {"d_model": 6, "gate_expand": 1}, 2_805),
        ("mdcsa", {"d_model": 16, "gate_expand": 1}, 18_025),
        ("mdcsa", {"d_model": 16}, 39_049),
    ],
)
def test_students_reach_from_1500_to_60000_parameters(name, shape, parameters):
    """What a size costs, so that a change of a network is seen."""
    model = build_model(name, n_access_points=ACCESS_POINTS, n_motion=MOTION, n_rooms=ROOMS, **shape)
    assert parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "mumba"}, "no model 'mumba'; did you mean 'mamba'"),
        ({"name": "forest"}, "choose from mamba, transformer, gru, mamba2, tcn, mlp, mdcsa"),
        ({"shape": {"d_modell": 8}}, "no size 'd_modell'; did you mean 'd_model'"),
        ({"n_rooms": 1}, "n_rooms must be at least 2, got 1"),
        ({"n_access_points": 0}, "n_access_points must be at least 1, got 0"),
        ({"shape": {"d_state": 0}}, "d_state must be at least 1, got 0"),
        ({"name": "gru", "shape": {"n_layers": 0}}, "n_layers must be at least 1, got 0"),
        (
            {"name": "transformer", "shape": {"n_positions": 8, "d_model": 10, "n_heads": 4}},
            "multiple of n_heads, got d_model 10 and n_heads 4",
        ),
        ({"name": "transformer"}, "transformer needs n_positions"),
        ({"name": "transformer", "shape": {"n_positions": 8, "d_conv": -1}}, "d_conv must be at least 0, got -1"),
        ({"shape": {"shortest_memory": 20, "longest_memory": 5}}, "shortest_memory 20 and longest_memory 5"),
        ({"shape": {"shortest_memory": 0}}, "memories must be positive"),
        ({"name": "mlp"}, "mlp needs n_frames"),
        ({"name": "mlp", "shape": {"n_frames": 0}}, "n_frames must be at least 1, got 0"),
        ({"name": "tcn", "shape": {"kernel_size": 0}}, "kernel_size must be at least 1, got 0"),
        ({"name": "mdcsa", "shape": {"d_model": 7}}, "d_model must be even, .* got 7"),
        ({"name": "mdcsa", "shape": {"d_motion": 3}}, "mdcsa has no size 'd_motion'"),
    ],
)
def test_wrong_sizes_are_refused_by_name(changed, message):
    """A wrong model or size is answered at birth with what was asked and what is legal."""
    asked = {"name": "mamba", "n_access_points": 4, "n_motion": 6, "n_rooms": 9} | changed
    with pytest.raises(ConfigError, match=message):
        ClassifierConfig(**asked)
