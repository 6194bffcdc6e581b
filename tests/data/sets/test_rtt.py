import gzip
from dataclasses import replace

import numpy as np
import pytest
from published_data import DATA, needs
from sklearn.ensemble import RandomForestClassifier

from smidgen.data.sets.rtt import FOLDER, PROTOCOLS, load_rtt, row_windows
from smidgen.errors import ConfigError, DataError
from smidgen.training.metrics import score

INERTIAL = "AccX,AccY,AccZ,GyroX,GyroY,GyroZ,MagX,MagY,MagZ,Azimuth,Pitch,Roll"
WHAT = ("True Distance (m)", "RTT Distance (m)", "RTT std (m)", "RSS (dBm)")
CORNERS = [(x, y) for y in (0.0, 9.0) for x in (0.0, 5.0, 10.0)]  # one a zone


def header(truth, n=6):
    points = ",".join(f"AP{i} {what}" for i in range(1, n + 1) for what in WHAT)
    return f"M1 Time Stamp (ms),{points},{INERTIAL},{truth}"


def line(row, truth, *, level=-60, distance=3.5, n=6):
    points = ",".join(f"{distance},4.1,0.1,{level}" for _ in range(n))
    return f"{250 * row},{points},9.80665,0,-19.6133,0,0,0,0,0,0,0,0,0,{truth}"


def walk(*, text=True, **changed):
    """Return a walk of five rows at each corner."""
    rows = [corner for corner in CORNERS for _ in range(5)]
    if text:
        cells = [f'"[{x}, {y}]"' for x, y in rows]
        return [header("M1 Ground Truth"), *(line(i, cell, **changed) for i, cell in enumerate(cells))]
    columns = "M1 Ground Truth_x,M1 Ground Truth_y,user,circle"
    return [header(columns), *(line(i, f"{x},{y},1,1", **changed) for i, (x, y) in enumerate(rows))]


def write(root, absent=(), **walks):
    folder = root / FOLDER / "canteen"
    folder.mkdir(parents=True, exist_ok=True)
    places = "".join(f"AP{i},{'10000,10000' if i in absent else '1,2'}\r\n" for i in range(1, 7))
    (folder / "ap_positions.csv").write_text("\ufeff,x,y\r\n" + places, newline="")
    for name, lines in (walks or {"w113": walk(), "w124": walk(), "w213": walk()}).items():
        (folder / f"{name[1:]}.csv.gz").write_bytes(gzip.compress("".join(f"{x}\r\n" for x in lines).encode()))
    return root


def test_walks_become_recordings_by_circle_and_phone(tmp_path):
    """Level, acceleration in g and zone of each round; the phone comes from the file's name, M1 in every header."""
    recordings = load_rtt(write(tmp_path), "canteen")
    assert [r.name for r in recordings] == ["rtt/canteen/1/M1", "rtt/canteen/1/M2", "rtt/canteen/2/M1"]
    one = recordings[0]
    assert one.time_s[:3].tolist() == [0.0, 0.25, 0.5]
    assert one.acceleration_g[0].tolist() == [1.0, 0.0, -2.0]
    assert one.rooms == ("x 1/3, y 1/2", "x 2/3, y 1/2", "x 3/3, y 1/2", "x 1/3, y 2/2", "x 2/3, y 2/2", "x 3/3, y 2/2")
    assert one.room.tolist() == [zone for zone in range(6) for _ in range(5)]


def test_ground_truth_beside_the_features_changes_nothing(tmp_path):
    """Whatever stands under `True Distance`, levels, motion and windows are the same."""
    (plain,) = load_rtt(write(tmp_path / "a", w113=walk()), "canteen")
    (other,) = load_rtt(write(tmp_path / "b", w113=walk(distance=99.0)), "canteen")
    np.testing.assert_array_equal(plain.rssi_dbm, other.rssi_dbm)
    np.testing.assert_array_equal(plain.acceleration_g, other.acceleration_g)
    windows = row_windows([other])
    assert windows.features == tuple(f"AP{i}" for i in range(1, 7))
    assert (windows.stacked() == -60).all()


def test_both_forms_of_ground_truth_mean_the_same(tmp_path):
    """A text "[x, y]" and two columns give the same zones."""
    text, columns = load_rtt(write(tmp_path, w113=walk(), w213=walk(text=False)), "canteen")
    assert text.room.tolist() == columns.room.tolist()


def test_zero_is_not_heard_and_absent_access_points_are_told(tmp_path):
    """A level of 0 reads NaN; what was placed at (10000, 10000) is not present, whatever it reads."""
    (silent,) = load_rtt(write(tmp_path / "a", w113=walk(level=0)), "canteen")
    assert np.isnan(silent.rssi_dbm).all()
    (recording,) = load_rtt(write(tmp_path / "b", absent=(3,), w113=walk()), "canteen")
    assert recording.present == (True, True, False, True, True, True)
    assert np.isnan(recording.rssi_dbm[:, 2]).all()


def test_windows_hold_five_rows_of_one_walk_and_circles_stay_whole(tmp_path):
    """Labelled by the middle row; what is left over is counted; both phones of a circle are held out together."""
    longer = [*walk(), line(30, '"[10.0, 0.0]"'), line(31, '"[10.0, 9.0]"')]
    examples = row_windows(load_rtt(write(tmp_path, w113=longer, w124=walk(), w213=walk()), "canteen"))
    assert examples.stacked().shape == (18, 5, 6)
    assert examples.label.tolist() == [*range(6)] * 3
    assert examples.counts == {"rows_left_over": 2}
    folds = list(PROTOCOLS["leave-one-circle-out"].folds(examples))
    assert [len(fold.test) for fold in folds] == [12, 6]
    assert examples.tag("phone")[folds[0].test].tolist() == ["M1"] * 6 + ["M2"] * 6


def test_a_window_may_hold_the_lines_before_it(tmp_path):
    """As many as there are; the window's own stand last, the label stays that of its middle line."""
    recording = load_rtt(write(tmp_path, w113=walk(), w213=walk()), "canteen")[0]
    numbered = replace(recording, rssi_dbm=np.repeat(-np.arange(30.0, dtype=np.float32)[:, None], 6, axis=1))
    with_past = row_windows([numbered], past_rows=7)
    assert [len(steps) for steps in with_past.values] == [5, 10, 12, 12, 12, 12]
    assert (-with_past.values[2][:, 0]).tolist() == [*range(3, 15)]
    assert with_past.label.tolist() == row_windows([numbered]).label.tolist()
    with pytest.raises(ConfigError, match="past_rows must not be negative, got -1"):
        row_windows([numbered], past_rows=-1)


@pytest.mark.parametrize(
    ("place", "old", "new", "message"),
    [
        (1, '"[0.0, 0.0]"', '"0.0; 0.0"', r"gz:2: expected a position like \[1\.5, -2\] in column M1 Ground Truth"),
        (2, "-60", "loud", r"gz:3: expected a number in column AP1 RSS \(dBm\), found 'loud'"),
        (2, "-60", "60", r"AP1 reads 60\.0 dBm in row 1"),
        (0, "AP6 RSS (dBm)", "AP6 RSSI", r"Missing: AP6 RSS \(dBm\); unknown: AP6 RSSI"),
        (3, "500,", "100,", "time_s must increase strictly"),
    ],
)
def test_what_is_not_the_set_is_refused(tmp_path, place, old, new, message):
    """Malformed truth, levels, columns and clocks, with where."""
    lines = walk()
    lines[place] = lines[place].replace(old, new, 1)
    with pytest.raises(DataError, match=message):
        load_rtt(write(tmp_path, w113=lines), "canteen")


def test_unknown_scenes_files_and_mixtures_are_refused(tmp_path):
    """A mistyped scene, a strange file, a scene without walks, windows of two scenes."""
    root = write(tmp_path)
    with pytest.raises(ConfigError, match="no scene is called 'cantine'; did you mean 'canteen'"):
        load_rtt(root, "cantine")
    with pytest.raises(DataError, match=r"expected rtt_rss_imu/library, found none"):
        load_rtt(root, "library")
    with pytest.raises(DataError, match="got recordings of none"):
        row_windows([])
    (root / FOLDER / "canteen" / "115.csv.gz").write_bytes(b"")
    with pytest.raises(DataError, match="expected a name like 113"):
        load_rtt(root, "canteen")


@needs(FOLDER)
def test_the_published_walks_are_as_their_page_says():
    """Rows about as listed, in 5 or 6 zones; two access points of the shopping mall are absent."""
    scenes = {scene: load_rtt(DATA, scene) for scene in ("car_park", "library", "shopping_mall")}
    assert {scene: len(walks) for scene, walks in scenes.items()} == {"car_park": 4, "library": 8, "shopping_mall": 8}
    rows = {scene: sum(len(walk.time_s) for walk in walks) for scene, walks in scenes.items()}
    assert rows == {"car_park": 4291, "library": 7454, "shopping_mall": 12_837}
    assert {scene: len(walks[0].rooms) for scene, walks in scenes.items()} == {
        "car_park": 6, "library": 6, "shopping_mall": 5,
    }  # fmt: skip
    assert scenes["shopping_mall"][0].present == (True, True, False, False, True, True, True, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scene", "page", "ours"),
    [
        ("car_park", 0.863, 0.893),
        ("conference_room", 0.689, 0.714),
        ("library", 0.905, 0.964),
        ("shopping_mall", 0.756, 0.813),
    ],
)
@needs(FOLDER)
def test_a_forest_scores_as_the_page_says(scene, page, ours):
    """Mean and maximum by access point: the page's figure where "not heard" stays 0 dBm; more where it is -110 dBm."""
    examples = row_windows(load_rtt(DATA, scene))
    for level, expected in ((0.0, page), (-110.0, ours)):
        levels = np.nan_to_num(examples.stacked(), nan=level)
        features = np.concatenate([levels.mean(axis=1), levels.max(axis=1)], axis=1)
        truth, predicted = [], []
        for fold in PROTOCOLS["leave-one-circle-out"].folds(examples):
            forest = RandomForestClassifier(n_estimators=100, random_state=0)
            forest.fit(features[fold.train], examples.label[fold.train])
            truth.append(examples.label[fold.test])
            predicted.append(forest.predict(features[fold.test]))
        scores = score(np.concatenate(truth), np.concatenate(predicted), rooms=examples.classes)
        assert scores.macro_f1 == pytest.approx(expected, abs=0.015)
