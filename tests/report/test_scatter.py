"""Size against macro-F1: points lie inside the drawing, larger to the right, better above."""

from made_studies import entry, nominees, program, study

from smidgen.report.scatter import BOTTOM, HEIGHT, LEFT, WIDTH, draw_scatters
from smidgen.report.study import Study


def drawn(*entries, teacher="t"):
    named = nominees(teacher=(teacher, "float"))
    return draw_scatters(Study.from_mapping(study(*entries, nominees=named)))


def test_points_lie_where_size_and_score_put_them():
    """Twice the bytes is one distance wherever it is; the better program is above."""
    ram, flash = drawn(
        program("a", 0.80, ram_bytes=1024), program("b", 0.85, ram_bytes=2048), program("c", 0.90, ram_bytes=4096)
    )
    assert (ram.kind, flash.kind) == ("RAM", "flash")
    x, y = zip(*((point.x, point.y) for point in ram.points), strict=True)
    assert abs((x[1] - x[0]) - (x[2] - x[1])) < 0.2
    assert y[0] > y[1] > y[2]
    assert all(LEFT <= value <= WIDTH for value in x)
    assert all(0 <= value <= HEIGHT - BOTTOM for value in y)
    assert [point.number for point in ram.points] == [1, 2, 3]


def test_rivals_are_the_named_teacher_and_the_best_baseline():
    """As level lines inside the drawing; a teacher that nobody named is none, whatever it scores."""
    figure, _ = drawn(program("a", 0.8), entry("t", "teacher", 0.93), entry("u", "teacher", 0.9),
                      entry("b", "baseline", 0.7), entry("c", "baseline", 0.6), teacher="u")  # fmt: skip
    assert [line.label for line in figure.rivals] == ["teacher: u float", "baseline: b float"]
    assert all(0 <= line.at <= HEIGHT - BOTTOM for line in figure.rivals)


def test_nothing_compiled_draws_nothing():
    """There is no size to draw."""
    assert drawn(entry("b", "baseline", 0.7)) == ()
