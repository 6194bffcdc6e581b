"""The second annotator as a row: scored like a model, and never taken for one."""

from recordings import every, make_recording

from smidgen.data import UNLABELLED
from smidgen.localisation import ceiling
from smidgen.localisation.ceiling import ceiling_entry
from smidgen.report.study import Entry
from smidgen.typed_json import from_json


class Rooms:
    """What of a pool the row needs."""

    rare = ("living",)


def test_a_second_person_is_a_row_of_the_leaderboard(monkeypatch):
    """Of 27 decisions that both annotated 25 agree; the row says which recordings, and is one that the page reads."""
    time_s = every(0.05, 60.0)
    second_of = time_s.astype(int)
    first = make_recording(time_s, room=(second_of >= 30).astype("int16"))
    other = (second_of >= 34).astype("int16")
    other[second_of >= 54] = UNLABELLED
    pair = (first, make_recording(time_s, room=other))
    monkeypatch.setattr(ceiling, "second_annotations", lambda root: [pair])
    row = ceiling_entry("somewhere", Rooms(), command="smidgen localise", versions="smidgen 1")
    entry = from_json(Entry, row, "row")
    assert abs(entry.accuracy - 25 / 27) < 1e-12
    assert (entry.role, entry.decisions, entry.ram_bytes, entry.delay_s) == ("ceiling", 27, None, None)
    assert entry.protocol == "the 1 sequences that two people annotated"
    assert entry.per_room_f1["living"] is None
    assert entry.macro_f1_8 == entry.macro_f1
