"""Whole runs: on the shipped company, on real leads and deals, on reference paths."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmm import datasets
from mmm.errors import DataWarning, InputError, SourceError
from mmm.report import brief_of, render_brief, write_results
from mmm.report.findings import cac_figures
from mmm.run import load_config, run
from mmm.run.costs import channel_lines
from mmm.run.demo import demo_config
from mmm.run.reading import check_currencies
from mmm.wording import format_money, say
from mmm.wording.translated import translated
from tests.test_cli import mmm


@pytest.fixture(scope="module")
def demo():
    config = demo_config()
    return config, run(config)


def without_advice(config, **changes):
    """Return the configuration without mix and scoring, which take most of the time."""
    off = {name: getattr(config, name).model_copy(update={"enabled": False})
           for name in ("mix", "scoring")}  # fmt: skip
    return config.model_copy(update={**off, **changes})


def test_every_model_adds_up_to_the_won_value(demo):
    _, result = demo
    deals = datasets.load("deals")
    won = deals["won"].fillna(False)
    for one in result.value.results:
        assert one.to_frame(cents=True)["credit"].sum() == deals.loc[won, "value"].sum()
    for one in result.deals.results:
        assert one.to_frame()["credit"].sum() == pytest.approx(won.sum(), rel=1e-12)


def test_costs_reconcile_with_the_spend(demo):
    _, result = demo
    spend = datasets.load("spend")
    media = result.economics.set_index("channel")["media"]
    assert media["(total)"] == spend["spend"].sum()
    assert sum(v for v in media.drop("(total)") if v is not None) == spend["spend"].sum()


def test_costs_hide_where_there_is_no_spend_and_say_what_is_missing(demo):
    config, _ = demo
    result = run(without_advice(config, spend=None))
    assert result.economics is None
    assert result.missing == ("spend",)
    page = render_brief(brief_of(result, config))
    assert "so the cost of a customer cannot be computed" in page
    assert "Customers credited" not in page


def test_findings_say_what_cannot_be_told_apart(demo):
    config, result = demo
    found = brief_of(result, config).findings
    first = next(one for one in found if one.metric.startswith("attribution.leader"))
    frame = result.value.to_frame()
    markov = frame[(frame["model"] == "markov") & (frame["channel"] != "(unattributed)")]
    top = markov.sort_values("credit", ascending=False).iloc[:2]
    close = top["upper"].iloc[1] >= top["lower"].iloc[0]
    unsure = {"attribution.too_close", "attribution.too_few"}
    assert any(one.metric in unsure for one in first.because) == close
    assert first.sentence("it").startswith(say(f"channel.{top['channel'].iloc[0]}", "it"))


def test_olist_adds_up_to_its_842_deals(shared, tmp_path):
    config = load_config(Path(__file__).parent / "olist.toml")
    with pytest.warns(DataWarning, match="touches span 351 days"):
        result = run(without_advice(config))
    frame = result.deals.to_frame()
    assert result.value is None
    for _, rows in frame.groupby("model"):
        assert rows["credit"].sum() == pytest.approx(842, rel=1e-12)
    linear = frame[frame["model"] == "linear"].set_index("channel")["credit"]
    assert linear.to_dict() == origins_of_deals(config)
    files = write_results(result, config, tmp_path)
    page = files["brief"].read_text()
    assert len(page.encode()) <= 300_000
    assert "842" in page


def origins_of_deals(config):
    """Count the deals of each origin with pandas alone."""
    leads = pd.read_csv(config.leads.source).set_index("mql_id")
    deals = pd.read_csv(config.deals.source)
    origin = deals["mql_id"].map(leads["origin"])
    contact = pd.to_datetime(deals["mql_id"].map(leads["first_contact_date"]), format="%d-%m-%Y")
    late = contact > pd.to_datetime(deals["won_date"], format="%d-%m-%Y %H:%M")
    assert late.sum() == 1
    names = {
        "direct_traffic": "Direct",
        "display": "Display",
        "email": "Email",
        "organic_search": "Organic search",
        "social": "Organic social",
        "other": "Other",
        "other_publicities": "Other",
        "paid_search": "Paid search",
        "referral": "Referral",
    }
    return origin.map(names).mask(late).fillna("(unattributed)").value_counts().to_dict()


def path_data(shared):
    return pd.read_csv(shared / "data" / "attribution" / "PathData.csv.gz")


def as_touch_log(paths, folder):
    """Write the aggregated paths as the touches and deals that they came from."""
    steps = paths["path"].str.split(" > ")
    copies = (paths["total_conversions"] + paths["total_null"]).to_numpy()
    row = np.repeat(np.arange(len(paths)), copies)
    within = np.concatenate([np.arange(n) for n in copies])
    person = np.array([f"p{i}" for i in range(len(row))])
    lengths = steps.str.len().to_numpy()[row]
    minute = np.concatenate([np.arange(n) for n in lengths])
    instants = np.datetime64("2024-01-01T00:00") + minute.astype("timedelta64[m]")
    touches = pd.DataFrame(
        {
            "person_id": np.repeat(person, lengths),
            "touched_at": np.char.add(np.datetime_as_string(instants), ":00Z"),
            "channel": [channel for r in row for channel in steps.iloc[r]],
        }
    )
    won = within < paths["total_conversions"].to_numpy()[row]
    nanos = [round(Decimal(repr(v)).scaleb(9)) for v in paths["total_conversion_value"].tolist()]
    parts = []
    for r, k in zip(row[won], within[won], strict=True):
        whole, rest = divmod(nanos[r], int(paths["total_conversions"].iloc[r]))
        parts.append(Decimal(int(whole + (k < rest))).scaleb(-9))
    deals = pd.DataFrame(
        {
            "deal_id": [f"d{i}" for i in range(won.sum())],
            "person_id": person[won],
            "created_at": "2024-02-28T00:00:00Z",
            "closed_at": "2024-03-01T00:00:00Z",
            "won": "true",
            "value": parts,
        }
    )
    touches.sample(frac=1, random_state=1).to_csv(folder / "touches.csv", index=False)
    deals.to_csv(folder / "deals.csv", index=False)


@pytest.mark.slow
def test_a_touch_log_gives_the_reference_numbers_of_its_paths(shared, tmp_path):
    as_touch_log(path_data(shared), tmp_path)
    exact = pd.read_csv(shared / "golden" / "EXACT_markov_o1_null.csv").set_index("channel_name")
    rules = pd.read_csv(shared / "golden" / "CA_heuristic.csv").set_index("channel_name")
    files = ("--touches", "touches.csv", "--deals", "deals.csv", "--maturity-days", "10")
    for measure, suffix in (("conversions", "conversions"), ("value", "value")):
        done = mmm("attribute", *files, "--measure", measure, "--out", "o.csv", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        credit = pd.read_csv(tmp_path / "o.csv").set_index(["model", "channel"])
        total = rules[f"first_touch_{suffix}"].sum()
        for model, column in (
            ("first_touch", f"first_touch_{suffix}"),
            ("last_touch", f"last_touch_{suffix}"),
            ("linear", f"linear_touch_{suffix}"),
        ):
            expected = rules[column] / total
            found = credit.loc[model, "share"].reindex(expected.index)
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
        known = exact[f"attributed_{suffix}"] / exact[f"attributed_{suffix}"].sum()
        found = credit.loc["markov", "share"].reindex(known.index)
        np.testing.assert_allclose(found, known, rtol=1e-9)


def test_every_new_customer_is_in_the_costs(demo):
    _, result = demo
    deals = datasets.load("deals")
    first, last = result.spend_period
    day = deals["closed_at"].dt.date
    new = deals["won"].fillna(False) & (deals["kind"] == "new") & (day >= first) & (day <= last)
    customers = result.economics.set_index("channel")["customers"]
    assert customers["(total)"] == pytest.approx(new.sum(), rel=1e-12)
    assert customers.drop("(total)").sum() == pytest.approx(new.sum(), rel=1e-12)
    assert customers["(unattributed)"] > 0


def test_as_of_cuts_the_spend_too(demo):
    config, _ = demo
    journeys = config.journeys.model_copy(update={"as_of": "2024-12-29"})
    result = run(without_advice(config, journeys=journeys))
    spend = datasets.load("spend")
    known = spend.loc[spend["date"] <= "2024-12-29", "spend"].sum()
    assert result.economics.set_index("channel").loc["(total)", "media"] == known
    assert result.spend_period[1].isoformat() == "2024-12-29"
    cut = spend["spend"].sum() - known
    (note,) = [one for one in result.tables["spend"].attrs["notes"] if "no figure" in one]
    assert note.startswith(f"spend: {cut:f} from 2024-12-30 on is after the last day of the data")
    assert f"{cut:f} dal 2024-12-30" in translated(note, "it")
    assert not [one for one in demo[1].tables["spend"].attrs["notes"] if "no figure" in one]


def test_a_run_never_replaces_a_table_that_it_read(tmp_path):
    for name in ("touches", "deals"):
        (tmp_path / f"{name}.csv").write_bytes(datasets.path(name).read_bytes())
    (tmp_path / "deals.csv").rename(tmp_path / "credit.csv")
    (tmp_path / "mmm.toml").write_text(
        '[touches]\nsource = "touches.csv"\n[deals]\nsource = "credit.csv"\n'
        '[journeys]\nas_of = 2025-06-30\n[output]\nfolder = "."\n'
    )
    config = without_advice(load_config(tmp_path / "mmm.toml"))
    with pytest.raises(SourceError, match="would replace a table"):
        write_results(run(config), config, tmp_path)
    assert (tmp_path / "credit.csv").read_bytes() == datasets.path("deals").read_bytes()


def test_bad_input_22_two_currencies_are_refused(demo):
    _, result = demo
    tables = dict(result.tables)
    tables["spend"] = tables["spend"].assign(currency="USD")
    with pytest.raises(InputError, match="deals in EUR, spend in USD"):
        check_currencies(tables)


def test_the_funnel_reconciles_with_the_tables(demo):
    _, result = demo
    stages = result.health.stages.set_index("stage")
    leads, deals = datasets.load("leads"), datasets.load("deals")
    assert stages.loc["lead", "entered"] == len(leads)
    for stage, following in (("lead", "mql"), ("mql", "sql"), ("sql", "opportunity")):
        row = stages.loc[stage]
        assert row["entered"] == row["moved"] + row["lost"] + row["open"]
        assert row["moved"] == stages.loc[following, "entered"]
    new = (deals["won"].fillna(False) & (deals["kind"] == "new")).sum()
    assert stages.loc["won", "entered"] == new
    assert {kpi.name for kpi in result.health.indicators} == {
        "cac",
        "lead_to_customer",
        "sales_cycle_from_lead",
        "average_deal",
        "sales_velocity",
    }
    assert result.health.missing == ()


@pytest.mark.parametrize("lang", ["en", "it"])
def test_the_page_shows_the_funnel(demo, lang):
    config, result = demo
    page = render_brief(brief_of(result, config), lang)
    headings = {
        "en": ("How healthy the funnel is", "Where contacts stop", "What comes next"),
        "it": ("Come sta il percorso di vendita", "Dove si fermano i contatti", "Che cosa ci"),
    }
    for heading in headings[lang]:
        assert heading in page
    for finding in result.health.hygiene.findings()[:1]:
        assert finding.sentence(lang).split(".")[0] in page


def test_a_structural_problem_comes_before_any_channel(demo):
    config, result = demo
    signs = tuple(replace(sign, state="present") for sign in result.health.alignment.signs)
    alignment = replace(result.health.alignment, signs=signs)
    sick = replace(result, health=replace(result.health, alignment=alignment))
    first = brief_of(sick, config).findings[0]
    assert first.metric == "alignment.structural"
    assert first.action == "action.mend_process"


def test_without_leads_the_funnel_says_what_is_missing(demo):
    config, _ = demo
    result = run(without_advice(config, leads=None))
    assert result.health.stages is None
    assert result.health.forecast is None
    assert any(line.startswith("cac: needs leads") for line in result.health.missing)
    assert "Where contacts stop" not in render_brief(brief_of(result, config))


def test_spend_under_other_names_is_told(demo):
    config, result = demo
    lines = result.economics.replace({"channel": {"Events": "Fiera"}})
    strange = replace(result, economics=lines)
    said = [one.sentence("en") for one in brief_of(strange, config).limits]
    assert any("no recorded contact has: Fiera" in sentence for sentence in said)
    assert not any(
        "no recorded contact has" in s.sentence() for s in brief_of(result, config).limits
    )


@pytest.mark.parametrize("lang", ["en", "it"])
def test_figures_that_look_alike_are_told_apart(demo, lang):
    config, result = demo
    page = render_brief(brief_of(result, config), lang)
    brief = brief_of(result, config)
    lines = result.economics.set_index("channel")
    said = cac_figures(result.economics, result.health, "EUR")
    # The figure of the first page leads; the others are told apart from it.
    leading = next(why for why in result.health.changes if why.formula.name == "cac")
    assert said.value == leading.after
    assert said.sentence(lang).count(format_money(leading.after, lang=lang)) == 1
    figures = said.because[0].facts
    assert figures["period"] == lines.loc["(total)", "cac"]
    assert figures["spend"] == lines.loc["(total)", "spend"]
    assert figures["known"] == pytest.approx(float(figures["spend"]) / figures["credited"])
    assert format_money(figures["known"], lang=lang) in page
    told = {one.metric: one.facts for one in brief.limits}
    origin = told["limits.origin_or_credit"]
    assert origin["n"] == result.journeys.unattributed.deals
    assert origin["none"] == result.health.hygiene["missing_source"].n
    assert origin["none"] + origin["rest"] == origin["n"]
    assert told["limits.shared_costs"]["channels"] == ["Email", "Webinar"]
    won = {"en": "Of 86 won deals, 60 are new business", "it": "Di 86 contratti vinti, 60 sono"}
    assert won[lang] in page


@pytest.mark.parametrize("rule", ["leads", "touches", "equal"])
def test_costs_of_no_channel_are_shared_as_the_configuration_says(demo, rule):
    config, result = demo
    money = config.funnel.model_copy(update={"share_costs_by": rule})
    other = config.model_copy(update={"funnel": money})
    lines = channel_lines(result.journeys, result.tables, other.channels.to_map(), other)
    assert lines.attrs["shared"]["rule"] == rule
    before, after = (x.set_index("channel")["other_costs"] for x in (result.economics, lines))
    assert after["(total)"] == before["(total)"]
    assert after["Webinar"] > before["Webinar"]
