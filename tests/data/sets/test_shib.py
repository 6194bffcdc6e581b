import gzip

import numpy as np
import pytest
from published_data import DATA, needs

from smidgen.data import decide, leave_one_out
from smidgen.data.sets.shib import ACTIVITIES, COLUMNS, FOLDER, ROOMS, few_calibrations, fixed_split, load_shib
from smidgen.errors import DataError
from smidgen.training.baselines import baseline_predictions
from smidgen.training.metrics import score


def line(packet, *, level=-70, gateway="living", room="livingroom", late_s=0.0, **changed):
    """Return one reception: packets come every 0.2 s."""
    second = 10 + 0.2 * packet + late_s
    cells = {
        "timestamp": f"2017-08-07 13:09:{second:09.6f}",
        "rssi": level,
        "seqno": 500 + packet,
        **{column: f"{packet}.{int(column[1])}" for column in COLUMNS if column[0] == "s" and column[1].isdigit()},
        "gateway": gateway,
        "true_room": room,
        "activity": ACTIVITIES.get(room, "lying"),
    }
    return ",".join(str(cell) for cell in (cells | changed).values())


LINES = [line(0), line(0, gateway="stairs", level=-80, late_s=0.01), line(1), line(2, room="kitchen")]


def write(root, lines=LINES, name="1-1"):
    (root / FOLDER).mkdir(exist_ok=True)
    text = "\n".join((",".join(COLUMNS), *lines)) + "\n"
    (root / FOLDER / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))
    return root


def test_receptions_of_one_packet_become_one_row(tmp_path):
    """By seqno, whatever gateways heard it; who did not hear it reads NaN; time counts from before the first."""
    (recording,) = load_shib(write(tmp_path))
    nan = np.nan
    np.testing.assert_array_equal(
        [[nan, nan, -70, -80], [nan, nan, -70, nan], [nan, nan, -70, nan]], recording.rssi_dbm
    )
    np.testing.assert_allclose([0.2, 0.4, 0.6], recording.time_s, atol=1e-6)
    assert [ROOMS[room] for room in recording.room] == ["livingroom", "livingroom", "kitchen"]
    assert (recording.name, recording.subject) == ("shib/1-1", "1")


def test_the_accelerometer_that_gives_the_room_away_must_be_asked_for(tmp_path):
    """Recordings come without it; asked for, its five samples a packet stand at 25 Hz, levels with the newest."""
    (without,) = load_shib(write(tmp_path))
    assert without.acceleration_g is None
    (recording,) = load_shib(tmp_path, acceleration=True)
    np.testing.assert_allclose(np.arange(1, 16) * 0.04, recording.time_s, atol=1e-6)
    np.testing.assert_allclose(recording.acceleration_g[:7, 0], [0.1, 0.2, 0.3, 0.4, 0.5, 1.1, 1.2], rtol=1e-6)
    heard = np.flatnonzero(~np.isnan(recording.rssi_dbm).all(axis=1))
    assert heard.tolist() == [4, 9, 14]
    np.testing.assert_array_equal(without.rssi_dbm, recording.rssi_dbm[heard])
    assert decide(recording).label.tolist() == decide(without).label.tolist()


def test_receptions_with_two_labels_are_dropped(tmp_path):
    """As in 10-3: the same reception once as stairs, once as bedroom; neither is to be believed."""
    doubtful = [line(1, room="stairs"), line(1, room="bedroom")]
    (recording,) = load_shib(write(tmp_path, [line(0), *doubtful, line(2)]))
    assert len(recording.time_s) == 2
    assert {ROOMS[room] for room in recording.room} == {"livingroom"}
    assert recording.counts["rows_with_two_labels"] == 2


def test_levels_too_loud_are_clipped_and_repeats_counted(tmp_path):
    """-1 dBm reads as -20; of two receptions by one gateway the first counts."""
    lines = [line(0, level=-1), line(0, level=-60, late_s=0.01), line(1)]
    (recording,) = load_shib(write(tmp_path, lines))
    assert recording.rssi_dbm[:, 2].tolist() == [-20, -70]
    assert (recording.counts["levels_clipped"], recording.counts["levels_repeated"]) == (1, 1)


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (line(3, room="kitchen", activity="lying"), "gz:6: expected activity 'walking' in room 'kitchen'"),
        (line(3, room="kichen"), "gz:6: room 'kichen' is not on the map; did you mean 'kitchen'"),
        (line(3, gateway="garden"), "gz:6: expected a gateway, bedroom, kitchen, living, stairs; found 'garden'"),
        (line(3, level=7), r"gz:6: expected a level of -127\.\.0 dBm in column rssi, found 7"),
        (line(3, timestamp="noon"), "gz:6: expected a timestamp like .* found 'noon'"),
        (line(3, timestamp="2017-08-07 13:09:34+01:00"), "gz:6: expected a timestamp like"),
        (line(3, seqno=1), "gz:6: seqno goes backwards"),
        (line(3, late_s=-2), "gz:6: timestamp goes backwards"),
        (line(3, s2y="shaken"), "gz:6: expected a number in column s2y, found 'shaken'"),
        (line(3)[:-9], "gz:6: expected 21 cells, found 20|gz:6: expected activity"),
    ],
)
def test_what_is_not_the_set_is_refused(tmp_path, last, message):
    """By file and line."""
    with pytest.raises(DataError, match=message):
        load_shib(write(tmp_path, [*LINES, last]), acceleration=True)


def test_splits_keep_people_apart(tmp_path):
    """Leave one participant out, 8 and 10 fixed, or one recording against everybody else's."""
    for name in ("10-1", "2-1", "1-1", "10-2", "8-1"):
        write(tmp_path, name=name)
    recordings = load_shib(tmp_path)
    assert [r.name for r in recordings] == ["shib/1-1", "shib/2-1", "shib/8-1", "shib/10-1", "shib/10-2"]
    fixed = fixed_split(recordings)
    assert ([r.subject for r in fixed.train], [r.subject for r in fixed.test]) == (["1", "2"], ["8", "10", "10"])
    for split in [*few_calibrations(recordings), *leave_one_out(recordings, by="subject")]:
        assert not {r.subject for r in split.train} & {r.subject for r in split.test}
    assert [len(s.test) for s in few_calibrations(recordings)] == [4, 4, 4, 3, 3]
    with pytest.raises(DataError, match="participants 8 and 10: 2 recordings would train and 0 test"):
        fixed_split(recordings[:2])
    (tmp_path / FOLDER / "notes.csv.gz").write_bytes(b"")
    with pytest.raises(DataError, match=r"expected a name like 10-3\.csv\.gz"):
        load_shib(tmp_path)


@needs(FOLDER)
def test_the_published_recordings_are_as_their_page_says():
    """12 recordings of 8 people; 1,636 ambiguous rows in 10-3 and none elsewhere; 10-3 has 3,635 in all."""
    recordings = {r.name: r for r in load_shib(DATA)}
    assert (len(recordings), len({r.subject for r in recordings.values()})) == (12, 8)
    rows = {name: r.counts["rows"] for name, r in recordings.items()}
    assert (rows["shib/1-1"], rows["shib/4-1"], rows["shib/10-3"], sum(rows.values())) == (4002, 2986, 3635, 43_989)
    doubtful = {name: r.counts["rows_with_two_labels"] for name, r in recordings.items()}
    assert doubtful == dict.fromkeys(recordings, 0) | {"shib/10-3": 1636}


@pytest.mark.slow
@needs(FOLDER)
def test_a_forest_scores_as_the_page_says():
    """Leave-one-participant-out by radio alone: 0.974, within 0.01."""
    truth, predicted = [], []
    for split in leave_one_out(load_shib(DATA), by="subject"):
        for recording in split.test:
            truth.append(decide(recording).label)
            predicted.append(baseline_predictions("random-forest", split.train, recording, seed=0))
    macro_f1 = score(np.concatenate(truth), np.concatenate(predicted), rooms=ROOMS).macro_f1
    assert macro_f1 == pytest.approx(0.974, abs=0.01)
