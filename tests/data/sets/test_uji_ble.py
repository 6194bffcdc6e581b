import gzip

import numpy as np
import pytest
from published_data import DATA, needs

from smidgen.data.sets.uji_ble import FOLDER, PROTOCOLS, load_uji_ble
from smidgen.errors import ConfigError, DataError
from smidgen.training.example_baselines import score_examples

IDS = [
    10_000_000 * phone + 1_200_000 + 100 * point + sample
    for phone in (1, 2)
    for point in range(1, 9)
    for sample in (1, 2)
]
CORNERS = [(5.0 * x, 5.0 * y) for y in (0, 1) for x in (0, 1, 2, 3)]  # of points 1 to 8


def write(root, *, ids=IDS, level=-70, positions=None):
    folder = root / FOLDER / "rss"
    folder.mkdir(parents=True)
    positions = positions or [CORNERS[i // 100 % 1000 - 1] for i in IDS]
    files = {
        "rss": [",".join([str(level), *["100"] * 21]) for _ in IDS],
        "crd": [f"{x},{y}" for x, y in positions],
        "ids": ids,
    }
    for name, lines in files.items():
        (folder / f"geo_{name}.csv.gz").write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    return root


def test_lines_of_three_files_become_scans(tmp_path):
    """Phone, power, campaign and point come from the id; zones from the position; 100 is not heard."""
    examples = load_uji_ble(write(tmp_path), "geo")
    assert len(examples) == 32
    assert {name: tag[31] for name, tag in examples.tags.items()} == {
        "phone": "2", "power": "1", "campaign": "2", "point": "8",
    }  # fmt: skip
    assert examples.label[:16].tolist() == [zone for zone in range(8) for _ in range(2)]
    np.testing.assert_array_equal([[-70.0] + [np.nan] * 21], examples.values[0])
    assert examples.position_m[2].tolist() == [5, 0]


def test_samples_of_a_point_stay_together_whatever_the_phone(tmp_path):
    """Folds over both phones keep a point whole; between phones the points are shared, on purpose."""
    examples = load_uji_ble(write(tmp_path), "geo")
    for fold in PROTOCOLS["grouped-fifths"].folds(examples):
        assert not set(examples.tag("point")[fold.train]) & set(examples.tag("point")[fold.test])
    (fold,) = PROTOCOLS["phone-1-to-2"].folds(examples)
    assert set(examples.tag("phone")[fold.test]) == {"2"}
    assert set(examples.tag("point")[fold.train]) == set(examples.tag("point")[fold.test])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": IDS[:-1]}, "belongs together; found 32, 32 and 31 lines"),
        ({"ids": [*IDS[:-1], 123]}, r"geo_ids\.csv\.gz:32: expected an id of 8 digits, found 123"),
        ({"level": 70}, "example 0 holds 70 for geo beacon 1"),
        ({"level": "loud"}, r"geo_rss\.csv\.gz:1: expected a number in column geo beacon 1, found 'loud'"),
    ],
)
def test_what_is_not_the_set_is_refused(tmp_path, changes, message):
    """Files of different lengths, other ids, impossible levels."""
    with pytest.raises(DataError, match=message):
        load_uji_ble(write(tmp_path, **changes), "geo")


def test_an_unknown_area_is_refused(tmp_path):
    """A mistyped area is an error."""
    with pytest.raises(ConfigError, match="no area is called 'geos'; did you mean 'geo'"):
        load_uji_ble(tmp_path, "geos")


@needs(FOLDER)
def test_the_published_scans_are_as_their_page_says():
    """Rows by phone and power, points by campaign, shares of levels not heard."""
    geo, lib = (load_uji_ble(DATA, area) for area in ("geo", "lib"))
    assert np.unique(geo.tag("power"), return_counts=True)[1].tolist() == [884, 884, 884]
    assert np.unique(lib.tag("phone"), return_counts=True)[1].tolist() == [696, 708, 696]
    assert np.unique(lib.tag("campaign"), return_counts=True)[1].tolist() == [876, 1224]
    assert len(set(lib.where(campaign="2").group.tolist())) == 48
    assert len(set(lib.where(campaign="3").group.tolist())) == 68
    for examples, share in ((geo, 0.655), (lib, 0.496)):
        assert np.isnan(examples.stacked()).mean() == pytest.approx(share, abs=0.001)


@pytest.mark.slow
@needs(FOLDER)
def test_a_forest_scores_as_the_page_says():
    """Phone 2 in the library, 8 zones, whole points held out: 0.621, within 0.03."""
    examples = load_uji_ble(DATA, "lib").where(phone="2")
    scores = score_examples(examples, PROTOCOLS["grouped-fifths"], name="random-forest", seed=0)
    assert scores.macro_f1 == pytest.approx(0.621, abs=0.03)
