import zipfile

import numpy as np
import pytest
from published_data import DATA, needs

from smidgen.data.sets.sp_sw_har import FOLDER, PROTOCOLS, SENSORS, load_sp_sw_har
from smidgen.errors import ConfigError, DataError
from smidgen.training.example_baselines import score_examples

HEADER = ",".join((*SENSORS, "timestamp", "label"))
LINES = [f"{row},0,9.8,0,0,0,{1657533977813 + 10 * row},{'SEATED' if row < 90 else 'WALKING'}" for row in range(170)]


def write(root, *, lines=LINES, executions=("s01_01", "s19_01")):
    folder = root / FOLDER
    folder.mkdir()
    listed = "".join(f"{name},back,l,r\n" for name in ("s01_01", "s19_01"))
    (folder / "executions_info.csv").write_text(f"execution_id,orientation,first_turn,second_turn\n{listed}")
    for name in ("s01_01", "s19_01"):
        with zipfile.ZipFile(folder / f"{name[:3]}.zip", "w") as archive:
            for ending in ("sw", "sp") if name in executions else ():
                archive.writestr(f"{name}_{ending}.csv", "\n".join((HEADER, *lines)) + "\n")
    return root


def test_executions_become_windows_labelled_by_most_of_their_samples(tmp_path):
    """100 samples every 50; what is left over is counted; people are groups and sides."""
    examples = load_sp_sw_har(write(tmp_path))
    assert examples.stacked().shape == (4, 100, 6)
    assert [steps[0, 0] for steps in examples.values] == [0, 50, 0, 50]
    assert [examples.classes[label] for label in examples.label] == ["SEATED", "WALKING"] * 2
    assert examples.group.tolist() == ["s01", "s01", "s19", "s19"]
    assert examples.counts == {"executions": 2, "rows": 340, "gaps": 0, "rows_left_over": 40}
    (fold,) = PROTOCOLS["people"].folds(examples)
    assert (fold.train.tolist(), fold.test.tolist()) == ([0, 1], [2, 3])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"executions": ("s01_01",)}, r"s19\.zip: expected s19_01_sw\.csv, as executions_info\.csv lists s19_01"),
        ({"lines": [LINES[0], LINES[1].replace("SEATED", "SEETED")]}, "csv:3: 'SEETED' is no activity of this set"),
        ({"lines": [LINES[1], LINES[0]]}, "csv:3: time goes backwards"),
        ({"lines": [LINES[0].replace("9.8", "up")]}, "csv:2: expected a number in column z_acc, found 'up'"),
        ({"lines": LINES[:99]}, "no example is left"),
    ],
)
def test_what_is_not_the_set_is_refused(tmp_path, changes, message):
    """Executions that are listed but missing, unknown activities, clocks, cells, nothing long enough."""
    with pytest.raises(DataError, match=message):
        load_sp_sw_har(write(tmp_path, **changes))


def test_an_unknown_device_is_refused(tmp_path):
    """Watch or phone."""
    with pytest.raises(ConfigError, match="a device is one of watch, phone; got 'ring'"):
        load_sp_sw_har(tmp_path, device="ring")


@pytest.mark.slow
@needs(FOLDER)
def test_the_published_set_is_and_scores_as_its_page_says():
    """223 executions by 23 people, 521,766 rows on both devices; a forest on the watch at least the page's 0.864."""
    watch, phone = (load_sp_sw_har(DATA, device=device) for device in ("watch", "phone"))
    assert (watch.counts["executions"], len(np.unique(watch.group))) == (223, 23)
    assert watch.counts["rows"] + phone.counts["rows"] == 521_766
    scores = score_examples(watch, PROTOCOLS["people"], name="random-forest", seed=0)
    assert scores.macro_f1 == pytest.approx(0.88, abs=0.015)
