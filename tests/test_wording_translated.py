"""What readers say in Italian: every form is recognised, and no real message is an exception."""

import re
import string
import tomllib

import pandas as pd
import pytest

from mmm import datasets
from mmm.cli.shell import for_shell
from mmm.errors import DataWarning, MmmError
from mmm.prediction.columns.leakage import _warn_of_names
from mmm.run.config import absolute, make_config
from mmm.run.guess import look_at_files, to_toml
from mmm.run.reading import READERS, read_table
from mmm.wording import entries
from mmm.wording.translated import translated

FORMS = sorted(key for key in entries() if key.startswith("reading."))
ROWS = "rows 1, 5 and 2 more of a.csv, lines 2, 6 and 2 more"
PARTS = {
    "rows": ROWS,
    "problem": "is missing",
    "cure": "Correct it.",
    "note": "leads: 3 have no source",
}


@pytest.mark.parametrize("key", FORMS)
def test_every_form_is_recognised_and_said_in_italian(key):
    english = entries()[key]["en"]
    names = [name for _, name, _, _ in string.Formatter().parse(english) if name]
    facts = {name: PARTS.get(name, f"x{i}") for i, name in enumerate(names)}
    filled = re.sub(r"{(\w+)[^}]*}", lambda one: facts[one[1]], english)
    message = re.sub("[“”]", "'", filled)
    said = translated(message, "it")
    assert said != message
    assert translated(message, "en") == message
    assert all(facts[name] in said for name in names if name not in PARTS)
    assert not re.search(r"\b(rows?|lines?|and \d+ more|Correct|missing)\b", said)


def test_rows_and_cures_are_translated_with_the_message():
    message = (
        "deals has the same deal_id in rows 1, 5 and 2 more of d.csv, lines 2, 6 and 2 more ('D1')."
        " Correct it, or pass on_duplicate='first' or 'last'."
    )
    assert translated(for_shell(message, with_file=True), "it") == (
        "deals: lo stesso deal_id sta in righe 1, 5 e altre 2 di d.csv, righe del file 2, 6 e "
        'altre 2 (\'D1\'). Correggetelo, oppure scrivete on_duplicate = "first" o "last" sotto '
        "[deals] in mmm.toml."
    )


@pytest.mark.parametrize(
    ("cure", "said"),
    [
        (
            "Write 2024-03-31 or 2024-03-31T14:05:00Z, or pass locale= for 31/03/2024.",
            "oppure scrivete locale sotto [deals] in mmm.toml per 31/03/2024.",
        ),
        (
            "Write 2024-03-31, 31/03/2024 or 2024-03-31T14:05:00Z.",
            "Scrivete 2024-03-31, 31/03/2024 o 2024-03-31T14:05:00Z.",
        ),
        ("Write 2024-03-31 or 2024-03-31T14:05:00Z.", "2024-03-31 o 2024-03-31T14:05:00Z."),
    ],
)
def test_the_forms_of_a_date_are_said_in_italian(cure, said):
    message = for_shell(
        f"deals column 'closed_at' is not a date in row 1 ('x'). {cure}", with_file=True
    )
    assert translated(message, "it").endswith(said)


def test_the_cure_of_an_unknown_end_is_said_in_italian():
    rows = {"deal_id": ["a", "b"], "closed_at": "2024-01-01", "won": ["won", "forse"]}
    with pytest.raises(MmmError) as caught:
        READERS["deals"](pd.DataFrame(rows))
    assert translated(for_shell(str(caught.value), with_file=True), "it").endswith(
        'Scrivete won_values = { won = true, forse = "?" } sotto [deals] in mmm.toml, con true o '
        "false al posto di ogni “?”; le parole lasciate fuori contano come aperte."
    )


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("touches: 9 rows have no person_id nor account_id", "senza person_id né account_id: 9"),
        (
            "spend misses 2 days between the first and the last row of a channel, the first of "
            "them 2024-06-08 (Ads). Add the rows, or pass fill='zero' (nothing was spent) or "
            "fill='interpolate'.",
            "mancano 2 giorni tra la prima e l’ultima riga di un canale, a partire da 2024-06-08 "
            '(Ads). Aggiungete le righe, oppure scrivete fill = "zero" (non si è speso nulla) o '
            'fill = "interpolate" sotto [[spend]] in mmm.toml.',
        ),
        (
            "spend: 0 missing periods and 7 missing amounts: fill='zero'",
            'spend: periodi mancanti 0, importi mancanti 7: fill = "zero"',
        ),
        ("one value in every row", "un solo valore in tutte le righe"),
        ("spend: encoding: UTF-16", "spend: codifica UTF-16"),
        (
            "1 won deals have no value and count as 0 ('d1'): fill them in, or use "
            "measure='conversions'.",
            "trattative vinte senza valore, contate come 0: 1 ('d1'). Completatele",
        ),
        (
            "deals column 'created_at' mixes times without a zone (row 2 of d.csv, line 3) and "
            "with one (rows 1, 3 of d.csv, lines 2, 4). Write all of them in UTC (…Z).",
            "orari senza fuso (riga 2 di d.csv, riga del file 3) e orari con il fuso (righe 1, 3 "
            "di d.csv, righe del file 2, 4). Scriveteli tutti in UTC",
        ),
        (
            "deals column 'created_at' mixes time zones: offsets '+02:00', '-05:00'. Write all of "
            "them in UTC (…Z), or pass tz= where one zone has all these offsets.",
            "con gli scarti '+02:00', '-05:00'. Scriveteli tutti in UTC (…Z), oppure scrivete tz "
            "sotto [deals] in mmm.toml, se un solo fuso li ha tutti.",
        ),
        ("deals: 1 rows repeat a deal_id; the first one of each is kept", "deal_id: 1; di"),
    ],
)
def test_no_english_is_left_in_what_readers_say(message, said):
    for_several = for_shell(message, with_file=True).replace("[spend]", "[[spend]]")
    assert said in translated(for_several, "it")


def test_names_that_sound_late_are_said_in_italian():
    with pytest.warns(DataWarning, match="sound like") as caught:
        _warn_of_names(["call_duration"])
    assert translated(str(caught[0].message), "it").startswith("Il nome di 'call_duration' fa ")


def test_a_message_is_in_one_language():
    odd = "deals column 'won' does something new in row 1. Correct it."
    assert translated(odd, "it") == odd


def test_what_the_dirty_export_makes_readers_say_is_known(tmp_path):
    datasets.copy("dirty_italian", tmp_path / "export")
    guess = look_at_files([tmp_path / "export"])
    config = absolute(make_config(tomllib.loads(to_toml(guess, tmp_path))), tmp_path)
    said = []
    for name in READERS:
        try:
            if config.files(name):
                said += read_table(config, name).attrs["notes"]
        except MmmError as error:
            said.append(for_shell(str(error), with_file=True))
    assert len(said) > 8
    assert [one for one in said if translated(one, "it") == one] == []
