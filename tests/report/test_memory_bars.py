"""Bars add up to the record, and the limit that holds a program is named by its exact bytes."""

import pytest

from smidgen.report.document import Document
from smidgen.report.memory_bars import draw_flash, draw_ram


def parts_of(bar):
    return {segment.label.split(":")[0]: int(segment.label.split()[-2].replace(",", "")) for segment in bar.segments}


@pytest.mark.parametrize(("draw", "key"), [(draw_ram, "ram_bytes"), (draw_flash, "flash_bytes")])
def test_segments_add_up_to_the_total(document, draw, key):
    """Bytes of the parts sum to the record's total, and widths are in proportion, side by side."""
    figure = draw(Document.from_mapping(document))
    assert len(document["measurements"]) == len(figure.bars)
    for measurement, bar in zip(document["measurements"], figure.bars, strict=True):
        assert f"{measurement[key]:,} B" == bar.total
        assert measurement[key] == sum(parts_of(bar).values())
        left = 0.0
        for segment in bar.segments:
            assert left == pytest.approx(segment.left, abs=0.002)
            left += segment.width
        assert measurement[key] / figure_bytes(figure) * 100 == pytest.approx(left, abs=0.01)


def figure_bytes(figure):
    (limit,) = (limit for limit in figure.limits if limit.label == "64 KB")
    return 65536 / limit.left * 100


def test_ram_is_parted_as_it_is_defined(document):
    """State, arena, buffers and stack as recorded; padding of the context is the other."""
    measurement = document["measurements"][1]
    bar = draw_ram(Document.from_mapping(document)).bars[1]
    assert {
        "state": measurement["state_bytes"],
        "arena": measurement["arena_bytes"],
        "buffers": measurement["io_bytes"],
        "stack": measurement["stack_bytes"],
        "other": 24,
    } == parts_of(bar)


def test_flash_is_parted_into_layers_and_what_they_share(document):
    """Layers' own bytes against the rest."""
    assert parts_of(draw_flash(Document.from_mapping(document)).bars[1]) == {"layers": 9_344, "shared": 3_944}


@pytest.mark.parametrize(
    ("stack_bytes", "fits"),
    [(28_524, "fits 32 KB"), (28_525, "fits 64 KB"), (61_292, "fits 64 KB"), (61_293, "over 64 KB")],
)
def test_limits_are_judged_to_the_byte(document, stack_bytes, fits):
    """Exactly a limit fits, one byte more does not; a bar beyond all limits still ends inside the drawing."""
    document["measurements"] = document["measurements"][1:2]
    document["measurements"][0]["stack_bytes"] = stack_bytes
    (bar,) = draw_ram(Document.from_mapping(document)).bars
    assert fits == bar.fits
    assert bar.segments[-1].left + bar.segments[-1].width < 100


def test_without_limits_nothing_is_judged(document):
    """No limit, no line and no word."""
    document["targets"] = {"ram_limits": [], "flash_limits": []}
    figure = draw_ram(Document.from_mapping(document))
    assert figure.limits == ()
    assert {""} == {bar.fits for bar in figure.bars}
