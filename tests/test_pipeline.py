"""`smidgen.compile` as a user meets it: what it promises, what it refuses, what it leaves behind."""

import copy
import json
import tempfile
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from room_models import ROOMS, SHAPES, compiled, network, windows
from torch import nn

import smidgen
from smidgen.errors import BudgetError, ConfigError, ExportError, SmidgenError, UnsupportedError
from smidgen.evaluation import SENSOR_INPUTS
from smidgen.ir import interpret, load_graph
from smidgen.targets import find_target

MODELS = tuple(SHAPES)


@pytest.mark.parametrize("recipe", ["int8", "int16", "int8-pure", "float32"])
@pytest.mark.parametrize("model", MODELS)
def test_every_execution_agrees_byte_for_byte(model, recipe):
    """Integer reference, host C and emulated C give the same bytes on every window, for each recipe."""
    report = compiled(model, recipe).check(windows(40, seed=1))
    assert (report.mismatched_bytes, report.n_windows, report.n_emulated) == (0, 40, 40)
    assert report.first_divergent_layer is None


@pytest.mark.parametrize("model", MODELS)
def test_float32_c_agrees_with_pytorch(model):
    """The logits of the float32 program lie within 1e-4 of PyTorch's, relative, and name the same room."""
    x = windows(200, seed=2)
    expected = network(model)(*x).detach()
    actual = compiled(model, "float32").run(x)
    assert torch.allclose(actual, expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(actual.argmax(1), expected.argmax(1))


@pytest.mark.parametrize("model", MODELS)
def test_int8_stays_near_the_float_model(model):
    """The default recipe keeps at least 25 dB at the output of an untrained model and 16 bits of state."""
    report = compiled(model, "int8").check(windows(200, seed=3), emulate=1)
    assert report.sqnr_db >= 25.0
    assert all(layer.sqnr_db >= 12.0 for layer in report.layers)


def test_more_bits_are_nearer_to_the_float_model():
    """SQNR grows from int8 activations alone over the default mix to int16."""
    x = windows(200, seed=4)
    noise = [compiled("mamba", recipe).check(x, emulate=1).sqnr_db for recipe in ("int8-pure", "int8", "int16")]
    assert noise == sorted(noise)


def test_the_users_model_is_left_as_it_was():
    """Compiling changes no weight, no mode and no attribute of the module."""
    model = network("mamba").train()
    before = copy.deepcopy(model.state_dict())
    smidgen.compile(model, windows(1), recipe="float32", name="rooms")
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_same_model_gives_the_same_bytes_of_c():
    """Two compilations of one model write identical files."""
    first, second = compiled("mamba", "int8"), compiled("mamba", "int8")
    assert dict(first.program.files) == dict(second.program.files)


def test_measurement_adds_up():
    """Layers and the rest are all instructions; RAM is context, buffers, stack and static data."""
    measurement = compiled("transformer", "int8").measurement
    layers = sum(layer.instructions for layer in measurement.layers)
    assert 0 < measurement.instructions - layers < 0.01 * measurement.instructions
    assert measurement.ram_bytes == measurement.context_bytes + measurement.io_bytes + measurement.stack_bytes
    assert measurement.stack_bytes <= 512


#: Exact counts of the small test models; a kernel that needs more is a regression, one that needs less lowers this.
INSTRUCTION_BUDGETS = {
    ("mamba", "int8"): 110_000,
    ("transformer", "int8"): 70_000,
    ("gru", "int8"): 50_000,
    ("mamba", "float32"): 105_000,
    ("transformer", "float32"): 70_000,
    ("gru", "float32"): 65_000,
}


@pytest.mark.parametrize(("model", "recipe"), INSTRUCTION_BUDGETS)
def test_instructions_stay_within_budget(model, recipe):
    """One window of a small model costs at most its budget of Cortex-M4 instructions."""
    assert compiled(model, recipe).measurement.instructions <= INSTRUCTION_BUDGETS[model, recipe]


# ---- planted faults --------------------------------------------------------------------------------------------------


def test_a_fault_in_a_kernel_is_caught_and_its_layer_named():
    """A C product that truncates where the reference rounds shows as mismatching bytes, from its first user on."""
    firmware = compiled("mamba", "int8")
    source = firmware.program.files["rooms_kernels.h"]
    broken = source.replace("* b) + ((int64_t)1 << 31)) >> 32)", "* b)) >> 32)")
    assert broken != source
    firmware.program = replace(firmware.program, files={**firmware.program.files, "rooms_kernels.h": broken})
    del firmware.__dict__["_runner"]  # so that it is built again, from the broken C
    report = firmware.check(windows(20, seed=5))
    assert report.host.mismatched_bytes > 0
    assert report.emulated.mismatched_bytes == report.host.mismatched_bytes
    products = [
        layer.name for layer in firmware.measurement.layers if layer.op in ("linear", "selective_scan", "conv2d")
    ]
    assert report.first_divergent_layer in products


def test_a_fault_in_the_reference_is_caught(monkeypatch):
    """A reference that truncates where C rounds does not pass for equal."""
    firmware = compiled("gru", "int8")
    monkeypatch.setattr("smidgen.numerics.gru.rounded_shift", lambda value, shift: value >> shift)
    report = firmware.check(windows(20, seed=6))
    assert report.mismatched_bytes > 0
    assert report.first_divergent_layer is not None
    assert report.first_divergent_layer.endswith("gru")


# ---- results ---------------------------------------------------------------------------------------------------------


def test_saved_folder_holds_the_program_and_its_graph(tmp_path):
    """`save` leaves C, manifest and a graph that, read back without torch's help, gives the same outputs."""
    firmware = compiled("transformer", "int8")
    folder = firmware.save(tmp_path / "rooms")
    manifest = json.loads((folder / "manifest.json").read_text())
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {*manifest["files"], "manifest.json"}
    assert manifest["versions"]["torch"] == torch.__version__
    assert manifest["measurement"]["ram_bytes"] == firmware.measurement.ram_bytes
    inputs = firmware.quantize_inputs(windows(5, seed=7))
    expected = interpret(firmware.graph, inputs)["output"]
    assert np.array_equal(interpret(load_graph(folder / "graph"), inputs)["output"], expected)


def test_run_accepts_batches_and_whole_tensors_alike():
    """One tuple of tensors and an iterable of smaller ones give the same outputs."""
    firmware = compiled("gru", "int8")
    x = windows(30, seed=8)
    parts = [tuple(value[start : start + 7] for value in x) for start in range(0, 30, 7)]
    assert torch.equal(firmware.run(x), firmware.run(parts))
    assert firmware.run(x).shape == (30, ROOMS)


def test_printing_shows_every_layer_and_the_totals():
    """`print(firmware)` names each layer, RAM, flash and instructions."""
    firmware = compiled("gru", "int8")
    text = str(firmware)
    assert all(layer.name in text for layer in firmware.measurement.layers)
    assert f"{firmware.measurement.instructions:,}" in text
    assert f"{firmware.measurement.flash_bytes:,}" in text


# ---- refusals --------------------------------------------------------------------------------------------------------


def test_paths_compile_to_the_program_of_the_module(tmp_path):
    """A .pt2 file is refused without trust, a model folder needs none; both give the bytes that the module gives."""
    model, x = network("gru"), windows(1)  # torch.export keeps the batch that it sees
    path = tmp_path / "rooms.pt2"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about the GRU's flattened weights
        torch.export.save(torch.export.export(model, x), path)
    with pytest.raises(ExportError, match="trust=True"):
        smidgen.compile(path, x, recipe="float32", name="rooms")
    expected = smidgen.compile(model, x, recipe="float32", name="rooms").program.files
    assert expected == smidgen.compile(path, x, recipe="float32", name="rooms", trust=True).program.files
    folder = model.save_pretrained(tmp_path / "rooms")
    assert expected == smidgen.compile(folder, x, recipe="float32", name="rooms").program.files


def test_a_damaged_pt2_is_refused(tmp_path):
    """A file that is no archive gives our error, not torch's."""
    path = tmp_path / "rooms.pt2"
    path.write_bytes(b"not an archive")
    with pytest.raises(ExportError, match=r"no readable \.pt2"):
        smidgen.compile(path, windows(1), recipe="float32", trust=True)


class Sorted(nn.Module):
    """An operator that does not compile."""

    def forward(self, x):
        return torch.sort(x)[0]


@pytest.mark.parametrize("error", [UnsupportedError, BudgetError])
def test_nothing_is_written_on_failure(error, tmp_path, monkeypatch):
    """Refused before anything is built, or after the program was built and measured: no file stays anywhere."""
    folder, temporary = tmp_path / "here", tmp_path / "temporary"
    for path in (folder, temporary):
        path.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    model = Sorted() if error is UnsupportedError else nn.Linear(8, 8)
    tiny = replace(find_target("cortex-m4"), ram_bytes=64)
    with pytest.raises(error):
        smidgen.compile(model, torch.zeros(1, 8), calibration=torch.randn(4, 8), target=tiny)
    assert list(folder.iterdir()) == []
    assert [path for path in temporary.rglob("*") if path.is_file()] == []


def test_too_small_a_target_names_the_peak():
    """Over budget, the error says how much is missing, where the arena peaks and what to do."""
    tiny = replace(find_target("cortex-m4"), ram_bytes=512)
    with pytest.raises(BudgetError, match=r"of RAM, cortex-m4 has 512 B; the arena peaks at classifier\."):
        compiled("mamba", "int8", target=tiny)
    small = replace(find_target("cortex-m4"), flash_bytes=4096)
    with pytest.raises(BudgetError, match=r"of flash, cortex-m4 has 4096 B; the largest weights are "):
        compiled("mamba", "int8", target=small)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recipe": "int9"}, r"unknown recipe 'int9'; did you mean 'int8'\?"),
        ({"target": "cortex-m99"}, "unknown target 'cortex-m99'; did you mean 'cortex-m"),
        ({"recipe": "int8"}, "recipe int8 needs calibration windows"),
        ({"recipe": 4}, "the name of one or the path of a .toml file, got 4"),
        ({"recipe": "float32", "target": 4}, "a target is found by its name, a str, got 4"),
        ({"recipe": "float32", "name": None}, "the name None becomes C symbols"),
        ({"recipe": "float32", "inputs": ["rssi"]}, r"inputs are declared by name, .* got \['rssi'\]"),
        ({"recipe": "float32", "name": "Rooms 2"}, "use lower-case letters"),
        ({"recipe": "float32", "name": "harness"}, "no word of the language"),
    ],
)
def test_wrong_options_are_answered(options, message):
    """A wrong recipe, target or name, or missing calibration, is a ConfigError that helps."""
    with pytest.raises(ConfigError, match=message):
        smidgen.compile(network("gru"), windows(1), **options)


def test_a_wrong_shape_is_answered():
    """Windows of another length than the example are refused by name and shape."""
    firmware = compiled("gru", "int8")
    rssi, motion = windows(3)
    with pytest.raises(
        ConfigError, match=r"input rssi must be torch.float32 \(batch, 12, 3\).*got torch.float32 \(3, 11, 3\)"
    ):
        firmware.run((rssi[:, 1:], motion))


class _Sorted(nn.Module):
    def forward(self, x):
        return x.sort(dim=-1).values


class _Branches(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class _Heard(nn.Module):
    """What was heard, told by a single code."""

    def forward(self, rssi, motion):
        return torch.where(rssi.ne(127.0), rssi, 0.0) + motion[..., :1]


def test_unsupported_operator_is_named_with_the_users_line():
    """The refusal holds the operator and the file and line of the user's code."""
    with pytest.raises(UnsupportedError, match=r"sort.*test_pipeline\.py"):
        smidgen.compile(_Sorted(), torch.zeros(2, 4, 3), recipe="float32")


def test_a_code_that_calibration_would_blur_is_refused():
    """Comparing with 127 needs the input declared: ranges from calibration would round the code away."""
    with pytest.raises(UnsupportedError, match=r"compares rssi with 127.*declare the input"):
        smidgen.compile(_Heard(), windows(1), calibration=windows(64), name="rooms")


def test_control_flow_on_values_is_refused():
    """A branch on data is an ExportError that says what to change."""
    with pytest.raises(ExportError, match=r"choose with torch\.where"):
        smidgen.compile(_Branches(), torch.zeros(2, 4, 3), recipe="float32")


class _Answers(nn.Module):
    """Two outputs: logits, and the index of the largest."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        logits = self.head(x)
        return 100 * logits, logits.argmax(-1)


def test_agreement_counts_indices_and_looks_at_every_output():
    """An index output agrees where its value is equal; the report gives the least of all outputs."""
    torch.manual_seed(0)
    x = torch.randn(400, 4)
    firmware = smidgen.compile(_Answers(), x[:1], calibration=x, recipe="int8-pure", name="answers")
    report = firmware.check(x, emulate=5)
    logits, index = firmware.run(x)
    expected = _Answers()
    weight, bias = (value for value in firmware.float_program.placeholders if value is not None)
    expected.load_state_dict({"head.weight": weight, "head.bias": bias})
    true_index = expected(x)[1]
    assert report.mismatched_bytes == 0
    assert report.outputs[1].agreement == pytest.approx(float((index == true_index).float().mean()))
    assert report.argmax_agreement == min(output.agreement for output in report.outputs)
    assert report.sqnr_db == report.outputs[0].sqnr_db
    assert logits.shape == (400, 3)


class _Counts(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x):
        self.calls += 1
        return x + self.calls


class _ReturnsNumber(nn.Module):
    def forward(self, x):
        return x + 1, 3


class _ChangesInput(nn.Module):
    def forward(self, x):
        x.mul_(2)
        return x + 1


def test_a_changed_input_is_no_output():
    """What a model does to its input in place stays inside; only what it returns leaves."""
    firmware = smidgen.compile(_ChangesInput(), torch.ones(1, 3), recipe="float32", name="change")
    assert firmware.graph.outputs == ("output",)
    assert torch.equal(firmware.run(torch.ones(2, 3)), torch.full((2, 3), 3.0))


class _NamedAsAKernel(nn.Module):
    def forward(self, linear_f32):
        return torch.relu(linear_f32)


def test_an_input_named_as_a_kernel_gets_another_name():
    """The C builds, and the port is told apart from the function."""
    firmware = smidgen.compile(_NamedAsAKernel(), torch.ones(1, 3), recipe="float32", name="named")
    assert firmware.program.inputs[0].name != "linear_f32"
    assert torch.equal(firmware.run(-torch.ones(2, 3)), torch.zeros(2, 3))


def test_calibration_may_be_a_generator():
    """An iterable that can be read once is enough."""
    x = windows(40)
    parts = (tuple(value[start : start + 8] for value in x) for start in range(0, 40, 8))
    options = {"recipe": "int8", "name": "rooms", "inputs": SENSOR_INPUTS}
    whole = smidgen.compile(network("gru"), windows(1), calibration=x, **options).program
    read_once = smidgen.compile(network("gru"), windows(1), calibration=parts, **options).program
    assert read_once.files == whole.files


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: smidgen.compile(_Counts(), torch.ones(1, 3), recipe="float32"), "changes its buffer 'calls'"),
        (
            lambda: smidgen.compile(_ReturnsNumber(), torch.ones(1, 3), recipe="float32"),
            "output 1 of the model is no",
        ),
        (lambda: smidgen.compile(torch.relu, torch.ones(1, 3), recipe="float32"), "expected a torch.nn.Module"),
        (lambda: smidgen.compile(nn.Linear(3, 2), None, recipe="float32"), "inputs must be a tensor"),
        (lambda: smidgen.compile(nn.Linear(3, 2), torch.ones(1, 3), calibration=3), "expected a tensor"),
        (lambda: smidgen.compile(nn.Linear(3, 2), torch.ones(1, 3), calibration=[]), "needs calibration windows"),
        (
            lambda: smidgen.compile(
                nn.Linear(3, 2), torch.ones(1, 3), recipe="float32", inputs={"y": SENSOR_INPUTS["rssi"]}
            ),
            "has no input 'y'",
        ),
        (lambda: compiled("gru", "int8").check(None), "expected a tensor"),
        (lambda: compiled("gru", "int8").check(windows(3), emulate=0), "emulate must be at least 1"),
        (lambda: compiled("gru", "int8").check((windows(3)[0], windows(3)[1] / 0)), "holds NaN or infinity"),
        (lambda: compiled("gru", "int8").run((windows(3)[0].int(), windows(3)[1])), "input rssi must be torch.float32"),
        (lambda: compiled("gru", "int8").run((windows(3)[0], windows(4)[1])), "one batch size"),
    ],
)
def test_wrong_use_is_a_smidgen_error_that_helps(attempt, message):
    """No raw traceback of another type comes through the front door."""
    with pytest.raises(SmidgenError, match=message):
        attempt()


def test_a_program_for_size_is_smaller_and_says_what_it_costs():
    """The same answers from less than half the code of speed's; printing shows every choice, and which one this is."""
    small, balanced = compiled("mamba", "int8", optimize="size"), compiled("mamba", "int8")
    assert small.check(windows(20, seed=6)).mismatched_bytes == 0
    assert small.measurement.code_bytes < balanced.measurement.code_bytes
    assert small.measurement.code_bytes < small.choices["speed"].code_bytes / 2
    assert small.measurement.instructions > balanced.measurement.instructions
    assert small.choices["balanced"] == balanced.measurement
    text = " ".join(str(small).split())
    assert "recipe int8, optimize size" in text
    assert f"size (this) │ {small.measurement.instructions:,}" in text
    assert f"balanced │ {balanced.measurement.instructions:,}" in text


def test_a_stream_can_be_made_for_size():
    """A step program takes the choice of its window."""
    stream = compiled("gru", "int8", optimize="size").streaming
    assert stream.program.optimize == "size"
    assert stream.choices["size"] == stream.measurement
    assert stream.choices["size"].code_bytes < stream.choices["speed"].code_bytes


@pytest.mark.parametrize("make", [smidgen.compile, smidgen.stream], ids=["window", "stream"])
def test_a_choice_that_there_is_not_is_refused_at_once(make):
    """Before the model is even looked at, with the nearest choice."""
    with pytest.raises(ConfigError, match=r"cannot be optimized for 'sise'; .*size"):
        make("no model at all", windows(1), optimize="sise")


def test_budgets_of_code_and_stack_of_the_room_programs():
    """A whole int8 Mamba classifier in 6 KB of code, a transformer in 8, unless for speed; stack of 256 B at most."""
    for model, most in (("mamba", 6 * 1024), ("transformer", 8 * 1024)):
        for costs in compiled(model, "int8").choices.values():
            assert costs.stack_bytes <= 256
        for choice in ("balanced", "size"):
            assert compiled(model, "int8").choices[choice].code_bytes <= most


def test_budget_of_a_transformer_encoder():
    """50 frames of 64, 4 heads, feed-forward 128, 2 layers: 24 KB of RAM with buffers and stack, 8 KB of code."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, dropout=0.0)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    x = torch.randn(16, 50, 64)
    target = replace(find_target("cortex-m4"), flash_bytes=128 * 1024)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        firmware = smidgen.compile(encoder, x[:1], calibration=x, recipe="int8-pure", target=target, name="encoder")
    assert firmware.measurement.ram_bytes <= 24 * 1024
    assert firmware.measurement.stack_bytes <= 256
    assert firmware.measurement.code_bytes <= 8 * 1024
    assert firmware.plan.arena_bytes == firmware.plan.lower_bound_bytes
