"""The data of the what-if: small, inert, and enough to find what the model would advise."""

import base64
import json

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from mmm.report.whatif import MOST_BYTES, has_room, whatif_data, whatif_script
from tests.report.advised import made_up

HOSTILE = "</script><!-- <script>\u2028 & ]]>"


@pytest.mark.parametrize("lang", ["en", "it"])
def test_data_are_json_that_ends_no_element(lang):
    data = whatif_data(made_up(channels=(HOSTILE, "b")), lang)
    data["words"]["same"] = HOSTILE
    text = str(whatif_script(data))
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text)["words"]["same"] == HOSTILE


def test_channels_follow_the_rows_of_the_table():
    advice = made_up()
    table = advice.table.iloc[::-1].reset_index(drop=True)
    turned = made_up()
    object.__setattr__(turned, "table", table)
    straight, other = whatif_data(advice, "en"), whatif_data(turned, "en")
    for name in ("today", "low", "high", "response", "held", "scale", "tau"):
        assert other[name] == straight[name][::-1]


def test_draws_say_what_spend_brings_beyond_today():
    advice = made_up()
    data = whatif_data(advice, "en")
    packed = np.frombuffer(base64.b64decode(data["draws"]), dtype="<i2")
    n = len(data["today"])
    gains = packed.reshape(data["n_draws"], n, data["n_knots"]) * np.array(data["scale"])[:, None]
    curves = advice.curves
    for c in range(n):
        knots = np.linspace(data["low"][c], data["high"][c], data["n_knots"])
        line = PchipInterpolator(curves.spend[c], curves.draws[:, c], axis=-1)
        expected = line(knots) - line(advice.table["current"][c])[:, None]
        assert np.abs(gains[:, c] - expected).max() < 1e-4 * np.abs(expected).max()


def test_many_channels_take_fewer_draws():
    advice = made_up(channels=[f"channel {i}" for i in range(60)])
    data = whatif_data(advice, "en")
    assert 30 < data["n_draws"] < 200
    assert len(base64.b64decode(data["draws"])) <= MOST_BYTES
    assert len(str(whatif_script(data))) < 100_000


def test_numbers_are_written_as_the_language_does():
    english, italian = (whatif_data(made_up(), lang) for lang in ("en", "it"))
    assert (english["money"], english["group"], english["point"]) == ("€0", ",", ".")
    assert (italian["money"], italian["group"], italian["point"]) == ("0\u00a0€", ".", ",")


def test_records_counted_move_by_half_at_most():
    assert whatif_data(made_up(), "en")["most"] == "move"
    assert whatif_data(made_up(unit_value=800.0), "en")["most"] == "half"


def test_without_room_there_is_nothing_to_try():
    advice = made_up()
    assert has_room(advice)
    still = np.repeat(advice.curves.spend[:, 15:16], 31, axis=1)
    object.__setattr__(advice.curves, "spend", still)
    assert not has_room(advice)
    data = whatif_data(advice, "en")
    assert data["low"] == data["high"]
