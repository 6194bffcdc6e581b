"""Records add up, print as tables and turn into JSON."""

import json
from dataclasses import replace

from smidgen.records import LayerMeasurement, Measurement

MEASUREMENT = Measurement(
    program="rooms",
    target="cortex-m4",
    flash_bytes=21344,
    context_bytes=1608,
    state_bytes=320,
    arena_bytes=1280,
    io_bytes=248,
    stack_bytes=144,
    static_bytes=0,
    instructions=123456,
    instructions_min=120000,
    n_inputs=900,
    cycles_estimate=150000,
    layers=(
        LayerMeasurement(name="layers.0.in_proj", op="linear", macs=20480, instructions=61440, flash_bytes=1200),
        LayerMeasurement(name="layers.0.act", op="table", macs=0, instructions=4000, flash_bytes=256),
    ),
)


def test_ram_is_the_sum_of_its_parts() -> None:
    """Context, buffers, stack and static data; state and arena are parts of the context."""
    assert MEASUREMENT.ram_bytes == 1608 + 248 + 144
    assert replace(MEASUREMENT, static_bytes=24).ram_bytes == 1608 + 248 + 144 + 24


def test_a_measurement_survives_json() -> None:
    """to_dict holds every field, the layers as objects, and the derived RAM."""
    stored = json.loads(json.dumps(MEASUREMENT.to_dict()))
    assert stored.pop("ram_bytes") == MEASUREMENT.ram_bytes
    layers = tuple(LayerMeasurement(**layer) for layer in stored.pop("layers"))
    assert Measurement(**stored, layers=layers) == MEASUREMENT


def test_what_is_not_measured_is_not_told_as_nothing() -> None:
    """Where instructions and stack are unknown the table has blanks, and the text below says so."""
    layers = tuple(replace(layer, instructions=None, flash_bytes=None) for layer in MEASUREMENT.layers)
    blank = replace(
        MEASUREMENT, target="host", instructions=None, instructions_min=None, stack_bytes=None, cycles_estimate=None,
        layers=layers,
    )  # fmt: skip
    lines = [" ".join(line.replace("│", " ").split()) for line in str(blank).splitlines()]
    assert "layers.0.in_proj linear 20,480" in lines
    assert "the rest" in lines
    assert "total 20,480 21,344" in lines
    assert "RAM 1,856 B = context 1,608 (state 320, arena 1,280) + buffers 248 + stack not measured + static 0" in lines
    assert lines[-1] == "Instructions are not counted on host; 900 invokes ran"


def test_time_and_energy_are_called_estimates() -> None:
    """Each that is known is printed with its unit, and one word for all of them."""
    timed = replace(MEASUREMENT, latency_us_estimate=2343.75)
    assert str(timed).endswith("about 150,000 cycles, 2,344 us (estimates)")
    assert str(replace(timed, energy_uj_estimate=23.4)).endswith("150,000 cycles, 2,344 us, 23.40 uJ (estimates)")


def test_the_table_shows_layers_the_rest_and_totals() -> None:
    """Each layer with its price per multiply, what is outside of the layers, and the sums."""
    lines = [" ".join(line.replace("│", " ").split()) for line in str(MEASUREMENT).splitlines()]
    assert lines[0] == "rooms on cortex-m4"
    assert "layers.0.in_proj linear 20,480 61,440 3.00 1,200" in lines
    assert "layers.0.act table 4,000 256" in lines
    assert "the rest 58,016 19,888" in lines
    assert "total 20,480 123,456 6.03 21,344" in lines
    assert "RAM 2,000 B = context 1,608 (state 320, arena 1,280) + buffers 248 + stack 144 + static 0" in lines
    assert lines[-1] == "Instructions 123,456, fewest 120,000 over 900 invokes; about 150,000 cycles (estimate)"
    assert str(replace(MEASUREMENT, cycles_estimate=None, instructions_min=123456)).endswith(
        "Instructions 123,456 over 900 invokes; no cycle model"
    )
