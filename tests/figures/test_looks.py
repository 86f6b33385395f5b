"""Every figure looks as it did, says what its axes count, and has colours that all can tell apart.

`looks.json` holds what each figure is made of and a small grey picture of it. After a change that
is meant, look at the figures and write it again:

    PYTHONPATH=. python -m tests.figures.test_looks OUT_FOLDER

which also leaves the figures as PNG in that folder.
"""

import base64
import io
import json
import sys
import zlib
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from tests.figures.drawings import DRAWINGS, HOMES

STORED = Path(__file__).with_name("looks.json")
OKABE_ITO = {"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"}
TINTS = {"#d9e6f0"}  # of the blue
ROWS_OF_DATES = {"plot_maturity"}
RASTER = (36, 54)  # rows, columns
# Grey levels from 0 to 1. Another release of matplotlib moves letters and edges a little, which is
# below 0.01 on average; a bar that is missing or another colour is above.
MEAN, WORST = 0.02, 0.5


def draw(name):
    """Draw one figure from matplotlib's own defaults."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.use("Agg")
        matplotlib.rcParams["figure.max_open_warning"] = 0
        figure = np.atleast_1d(DRAWINGS[name]())[0].figure
        figure.set_dpi(60)
        figure.canvas.draw()
    return figure


@pytest.fixture(scope="module")
def drawn():
    from matplotlib import pyplot as plt

    yield {name: draw(name) for name in DRAWINGS}
    plt.close("all")


def parts(figure):
    """Return what a figure is made of, an entry for each of its axes."""
    return [
        {
            "title": ax.get_title(loc="left") or ax.get_title(),
            "x": ax.get_xlabel(),
            "y": ax.get_ylabel(),
            "bars": len(ax.patches),
            "lines": len(ax.lines),
            "bands and whiskers": len(ax.collections),
            "images": len(ax.images),
            "words": len(ax.texts),
            "legend": [text.get_text() for text in legend.get_texts()]
            if (legend := ax.get_legend())
            else [],
        }
        for ax in figure.axes
    ]


def raster(figure):
    """Return the figure as a few grey levels, shape (36, 54)."""
    stream = io.BytesIO()
    figure.savefig(stream, format="raw", dpi=60)
    pixels = np.frombuffer(stream.getvalue(), dtype=np.uint8)
    width, height = figure.canvas.get_width_height()
    grey = pixels.reshape(height, width, 4)[:, :, :3] @ np.array([0.299, 0.587, 0.114]) / 255
    rows = np.linspace(0, height, RASTER[0] + 1).astype(int)
    columns = np.linspace(0, width, RASTER[1] + 1).astype(int)
    summed = np.add.reduceat(np.add.reduceat(grey, rows[:-1], axis=0), columns[:-1], axis=1)
    return summed / np.outer(np.diff(rows), np.diff(columns))


def packed(levels):
    return base64.b64encode(zlib.compress(np.round(255 * levels).astype(np.uint8).tobytes(), 9))


def unpacked(text):
    levels = np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=np.uint8)
    return levels.reshape(RASTER) / 255


@pytest.fixture(scope="module")
def stored():
    return json.loads(STORED.read_text(encoding="utf-8"))


def test_every_figure_of_the_package_is_drawn_here(stored):
    public = {name for home in HOMES for name in vars(home) if name.startswith("plot_")}
    assert set(DRAWINGS) == set(stored)
    assert public == set(DRAWINGS)


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_figure_is_made_of_what_it_was_made_of(name, drawn, stored):
    figure = drawn[name]
    assert parts(figure) == stored[name]["parts"]
    seen, before = raster(figure), unpacked(stored[name]["raster"])
    assert np.abs(seen - before).mean() < MEAN
    assert np.abs(seen - before).max() < WORST


@pytest.mark.parametrize("name", DRAWINGS)
def test_axes_that_count_say_what_they_count(name, drawn):
    for ax in drawn[name].axes:
        for axis in (ax.xaxis, ax.yaxis):
            shown = [text.get_text() for text in axis.get_ticklabels() if text.get_visible()]
            counts = any(text[:1].isdigit() for text in shown[:1])
            if not ax.axison or not axis.get_visible() or ax.images or not counts:
                continue
            dates = "Date" in type(axis.get_major_formatter()).__name__ or name in ROWS_OF_DATES
            said = axis.get_label_text() or ax.figure.get_supxlabel()
            assert dates or said, (ax.get_title(loc="left"), axis.axis_name)


@pytest.mark.parametrize("name", DRAWINGS)
def test_colours_are_those_that_all_can_tell_apart(name, drawn):
    from matplotlib.colors import to_hex

    for ax in drawn[name].axes:
        faces = [
            patch.get_facecolor() if patch.get_fill() else patch.get_edgecolor()
            for patch in ax.patches
        ]
        lines = [line.get_color() for line in ax.lines]
        areas = [tuple(face) for area in ax.collections for face in area.get_facecolor()]
        edges = [tuple(edge) for area in ax.collections for edge in area.get_edgecolor()]
        used = {to_hex(colour) for colour in [*faces, *lines, *areas, *edges]}
        coloured = {colour for colour in used if len({colour[1:3], colour[3:5], colour[5:]}) > 1}
        assert coloured <= OKABE_ITO | TINTS, ax.get_title(loc="left")


def test_the_picture_notices_what_is_missing(stored):
    figure = draw("plot_budget")
    before = unpacked(stored["plot_budget"]["raster"])
    figure.axes[0].patches[-1].set_visible(False)
    assert np.abs(raster(figure) - before).mean() > MEAN


def main(folder):
    """Write what the figures look like, and the figures."""
    looks = {}
    folder.mkdir(parents=True, exist_ok=True)
    for name in DRAWINGS:
        figure = draw(name)
        looks[name] = {"parts": parts(figure), "raster": packed(raster(figure)).decode()}
        figure.savefig(folder / f"{name}.png", dpi=80)
    STORED.write_text(json.dumps(looks, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
