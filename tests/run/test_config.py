import pytest

from mmm.errors import ConfigError
from mmm.run import load_config
from mmm.run.config import sources

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


def test_a_file_that_is_no_configuration_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match=r"no configuration .*gone\.toml\. .*`mmm init`"):
        load_config(tmp_path / "gone.toml")
    path = tmp_path / "mmm.toml"
    path.write_bytes('[company]\nname = "Società"\n'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"mmm\.toml is not UTF-8 .*Save it as UTF-8"):
        load_config(path)
    path.write_text("[company]\nname = Prova\n")
    with pytest.raises(ConfigError, match=r"not valid TOML.*Put text in quotes"):
        load_config(path)
    path.write_text("[company\n")
    with pytest.raises(ConfigError, match=r"not valid TOML.*Correct that line"):
        load_config(path)


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
        (("[deals]", "[deals"), r"not valid TOML.*line 9.*Correct that line"),
        (('"deals.csv"', "deals.csv"), r"Invalid value.*line 10.*Put text in quotes"),
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


MIX = """
[mix]
source = "weeks.csv"
outcome = "sales"
channels = ["fairs", "search"]
controls = ["price"]
total = 12000
bounds = { fairs = [0, 500] }

[scoring]
horizon_days = 120
capacity_a_week = 25
"""


def test_the_advice_is_configured(tmp_path):
    config = loaded(tmp_path, GOOD + MIX)
    assert config.mix.source == str(tmp_path / "weeks.csv")
    assert config.mix.source in sources(config)
    assert (config.mix.total, config.mix.bounds) == (12000.0, {"fairs": (0.0, 500.0)})
    assert (config.scoring.horizon_days, config.scoring.capacity_a_week) == (120, 25)
    default = loaded(tmp_path, GOOD)
    assert default.mix.enabled
    assert default.scoring.enabled
    assert default.mix.source is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('outcome = "sales"', ""), "with a source, outcome and channels name its columns"),
        (('source = "weeks.csv"', ""), "controls are columns of a source"),
        (("total = 12000", 'total = "all"'), r"line 21: mix.total.* = 'all'"),
        (("horizon_days = 120", "horizon = 120"), r"line 25: scoring.horizon is not a setting"),
    ],
)
def test_mistakes_of_the_advice_are_named(tmp_path, change, said):
    with pytest.raises(ConfigError, match=said):
        loaded(tmp_path, (GOOD + MIX).replace(*change))


@pytest.mark.parametrize("log", ["signal.experiments", "mix.decisions"])
def test_a_log_that_is_not_there_is_a_mistake(tmp_path, log):
    section, key = log.split(".")
    text = f'{GOOD}[{section}]\n{key} = "typo.jsonl"\n'
    with pytest.raises(ConfigError, match=rf"line 16: {log}: .*typo\.jsonl\. .*leave the line out"):
        loaded(tmp_path, text)
    (tmp_path / "typo.jsonl").touch()
    assert str(tmp_path / "typo.jsonl") in sources(loaded(tmp_path, text))
    (tmp_path / "typo.jsonl").unlink()
    assert load_config(tmp_path / "mmm.toml", logs=False).deals.source  # lead scores read no log


def test_a_setting_of_several_kinds_is_named_as_it_is_written(tmp_path):
    with pytest.raises(ConfigError, match=r"mix\.total = 'more': .*'current' or 'free'") as told:
        loaded(tmp_path, GOOD + '[mix]\ntotal = "more"\n')
    assert "literal[" not in str(told.value)


def test_a_section_that_has_to_be_there_is_named_as_such(tmp_path):
    with pytest.raises(ConfigError, match=r"the section \[deals\] is missing\. Add it"):
        loaded(tmp_path, GOOD.replace("[deals]", "[contacts]"))


def test_a_sheet_in_a_path_is_that_of_a_workbook(tmp_path):
    config = loaded(tmp_path, GOOD.replace("deals.csv", "crm.xlsx#Deals"))
    assert config.deals.source == str(tmp_path / "crm.xlsx")
    assert config.deals.options()["table"] == "Deals"
    mix = '[mix]\nsource = "crm.xlsx#Weeks"\noutcome = "y"\nchannels = ["a"]\n'
    config = loaded(tmp_path, GOOD + mix)
    assert str(tmp_path / "crm.xlsx") in sources(config)


SPEND = """
[[spend]]
source = "ads.csv"
channel = "Paid search"
[spend.columns]
date = "Day"

[[spend]]
source = "fairs.xlsx#2025"
{setting}
"""


def test_spend_may_have_a_section_a_file(tmp_path):
    config = loaded(tmp_path, GOOD + SPEND.format(setting='fill = "zero"'))
    ads, fairs = config.files("spend")
    assert (ads.channel, ads.columns, ads.fill) == ("Paid search", {"date": "Day"}, None)
    assert (fairs.source, fairs.table) == (str(tmp_path / "fairs.xlsx"), "2025")
    assert fairs.options() == {"table": "2025", "fill": "zero"}
    assert config.files("costs") == ()
    assert sources(config)[-2:] == [ads.source, fairs.source]
    alone = loaded(tmp_path, f'{GOOD}[spend]\nsource = "ads.csv"\n')
    assert [one.source for one in alone.files("spend")] == [ads.source]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('fill = "nought"', r"line 24: spend\.fill = 'nought'"),
        ("fills = 1", r"line 24: spend\.fills is not a setting\. Use one of 'source', .*'channel'"),
        ("[spend.columns]\ncampaign = 2", r"line 25: spend\.columns\.campaign"),
    ],
)
def test_a_mistake_in_one_of_several_files_has_its_own_line(tmp_path, setting, said):
    with pytest.raises(ConfigError, match=said):
        loaded(tmp_path, GOOD + SPEND.format(setting=setting))


def test_a_mistake_in_the_only_file_of_spend_is_named_as_ever(tmp_path):
    with pytest.raises(ConfigError, match=r"line 17: spend\.fill = 'nought'"):
        loaded(tmp_path, f'{GOOD}[spend]\nsource = "ads.csv"\nfill = "nought"\n')
    with pytest.raises(ConfigError, match=r"line 15: spend\.source is missing"):
        loaded(tmp_path, f'{GOOD}[spend]\nfill = "zero"\n')
    with pytest.raises(ConfigError, match=r"line 1: spend: .*at least 1"):
        loaded(tmp_path, f"spend = []\n{GOOD}")
