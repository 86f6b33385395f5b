"""The guide to a monthly brief: its commands run, in their order, on the shipped tables."""

import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest

from mmm import datasets
from tests.test_how_to import blocks, ran

GUIDE = Path(__file__).parents[1] / "docs" / "how-to" / "a-monthly-brief.md"
QUICK = "\n[mix]\nenabled = false\n[scoring]\nenabled = false\n"


@pytest.mark.slow
def test_the_month_as_it_is_written(tmp_path):
    exports = tmp_path / "exports"
    exports.mkdir()
    for name in ("touches", "deals", "leads", "spend"):
        shutil.copy(datasets.path(name), exports)
    lines = [line for block in blocks(GUIDE, "sh") for line in block.splitlines()]
    start, check, run, diff, *reports = lines
    ran(start, tmp_path)
    text = (tmp_path / "mmm.toml").read_text("utf-8")
    assert "guess:" in text
    text = "\n".join(x for x in text.splitlines() if x not in ("[mix]", "[scoring]"))
    (tmp_path / "mmm.toml").write_text(text + QUICK, encoding="utf-8")
    assert "deals: " in ran(check, tmp_path)
    ran(run.replace("2025-06", "2025-05"), tmp_path)
    deals = pd.read_csv(exports / "deals.csv")
    deals.iloc[:-5].to_csv(exports / "deals.csv", index=False)
    ran(run, tmp_path)
    assert (tmp_path / "results/2025-06/manifest.json").is_file()
    assert "deals has" in ran(diff, tmp_path)
    for line in reports:
        ran(line, tmp_path)
        assert (tmp_path / shlex.split(line)[5]).stat().st_size > 1000


def test_what_the_guide_names_exists():
    from mmm.report.formats import FORMATS, SCHEMA
    from mmm.report.formats.data import SCHEMA_NAME

    text = GUIDE.read_text(encoding="utf-8")
    assert SCHEMA_NAME in text
    assert all(f"`{name}`" in text for name in SCHEMA["required"])
    assert all(f".{name}" in text for name in FORMATS)
