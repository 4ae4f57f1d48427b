"""The notebooks run, from top to bottom, on the public surface alone."""

import json
import re

import pytest
from toy_town import REPO

NOTEBOOKS = sorted((REPO / "notebooks").glob("*.ipynb"))


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
    rates = names["rates"].set_index("unit_code")
    assert rates.loc["990101", ["covered", "total"]].to_list() == [3, 7]
