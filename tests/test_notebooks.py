"""The notebooks run, from top to bottom, on the public surface alone."""

import json
import math
import re

import pytest
from toy_town import REPO

NOTEBOOKS = sorted((REPO / "notebooks").glob("*.ipynb"))


def check_toy_town(names):
    rates = names["rates"].set_index("unit_code")
    assert rates.loc["990101", ["covered", "total"]].to_list() == [3, 7]


def check_camera_coverage(names):
    assert names["views"]["area_m2"].to_list() == pytest.approx([400 * math.pi] * 2, abs=0.01)
    at_least = names["ground"]["areas_m2"].iloc[-1]
    assert at_least[1:].tolist() == pytest.approx([400 * math.pi, 100 * math.pi], abs=1)
    certain = names["unsure"]["certain_area_m2"].to_list()
    assert certain == pytest.approx([200 * math.pi, 0], abs=0.01)
    blind = names["blind"].loc[("990101001001001", 1)]
    assert blind["road_m"] == pytest.approx(100 - 2 * math.sqrt(300), abs=0.1)
    assert blind["household_count"] == 60
    lost = names["losses"]["area_m2"]
    assert lost[("camera", "east")] == pytest.approx(300 * math.pi, abs=1)
    assert lost[("pole", "east")] == pytest.approx(400 * math.pi, abs=1)


CHECKS = {"toy_town": check_toy_town, "camera_coverage": check_camera_coverage}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    names = {}
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [], "outputs are not kept: they go stale"
            text = "".join(cell["source"])
            assert not re.search(r"\._[a-z]|import _", text), "private names"
            exec(compile(text, str(path), "exec"), names)
    CHECKS[path.stem](names)
