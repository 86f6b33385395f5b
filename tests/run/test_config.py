import pytest

from mmm.errors import ConfigError
from mmm.run import load_config

GOOD = """
[company]
name = "Prova"
language = "it"

[touches]
source = "touches.csv"

[deals]
source = "deals.csv"
columns = { won = "Stage" }

[journeys]
lookback_days = 90
"""


def loaded(tmp_path, text):
    path = tmp_path / "mmm.toml"
    path.write_text(text)
    return load_config(path)


def test_sources_are_relative_to_the_file(tmp_path):
    config = loaded(tmp_path, GOOD)
    assert config.touches.source == str(tmp_path / "touches.csv")
    assert config.deals.columns == {"won": "Stage"}
    assert config.journeys.lookback_days == 90
    database = GOOD.replace('"deals.csv"', '"sqlite:///crm.db"\ntable = "deals"')
    assert loaded(tmp_path, database).deals.source == "sqlite:///crm.db"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("lookback_days = 90", 'lookback_days = "long"'),
            r"line 14: journeys.lookback_days = 'long'",
        ),
        (
            ("lookback_days = 90", "lookback = 90"),
            r"line 14: journeys.lookback is not a setting. Use",
        ),
        (("[journeys]", "[journey]"), r"line 13: journey is not a setting. Use one of 'company'"),
        (('language = "it"', 'language = "fr"'), r"line 4: company.language = 'fr'"),
        (('source = "deals.csv"', ""), r"line 9: deals.source is missing"),
        (("[deals]", "[deals"), r"not valid TOML.*line 9"),
        (("[touches]", "[spend]"), r"neither a section \[touches\] nor \[leads\]"),
        (('won = "Stage"', "won = 3"), r"line 11: deals.columns"),
    ],
)
def test_mistakes_name_line_and_key(tmp_path, change, said):
    with pytest.raises(ConfigError, match=said):
        loaded(tmp_path, GOOD.replace(*change))


def test_the_headline_has_to_be_among_the_models(tmp_path):
    with pytest.raises(ConfigError, match="headline 'markov' is not among models"):
        loaded(tmp_path, GOOD + '[attribution]\nmodels = ["linear"]\n')
