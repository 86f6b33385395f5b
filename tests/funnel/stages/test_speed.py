"""Business hours against plain counting, and both sides of the agreement on hand-made leads."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from dateutil.easter import easter as easter_elsewhere
from hypothesis import given
from hypothesis import strategies as st

from mmm import datasets
from mmm.errors import ConfigError, InputError
from mmm.funnel.stages import leads_delivered, speed_to_lead
from mmm.funnel.stages.business_hours import BusinessHours, easter, italian_holidays

ROME = ZoneInfo("Europe/Rome")


def local(text):
    """Instant of a local time in Rome, as the tables hold it."""
    return np.datetime64(
        datetime.fromisoformat(text).replace(tzinfo=ROME).astimezone(UTC).replace(tzinfo=None), "us"
    )


def hours(start, end, calendar=None):
    calendar = calendar or BusinessHours()
    return float(calendar.between(np.array([local(start)]), np.array([local(end)]))[0])


def leads(*pairs):
    """Leads from local times of creation and first call."""
    zone = {"utc": True}
    frame = pd.DataFrame({"lead_id": [str(i) for i in range(len(pairs))]})
    for k, name in enumerate(("created_at", "first_contacted_at")):
        at = [None if pair[k] is None else str(local(pair[k])) for pair in pairs]
        frame[name] = pd.to_datetime(pd.Series(at, dtype="object"), **zone).astype(
            "datetime64[us, UTC]"
        )
    return frame


def test_easter_is_that_of_another_library():
    assert [easter(year) for year in range(1600, 2600)] == [
        easter_elsewhere(year) for year in range(1600, 2600)
    ]


def test_italian_holidays():
    days = italian_holidays(2025)
    assert len(days) == 12
    assert days[date(2025, 4, 21)] == "Lunedì dell’Angelo"
    assert date(2025, 6, 2) in days
    assert date(2025, 10, 4) not in days
    assert italian_holidays(2027)[date(2027, 10, 4)] == "San Francesco d’Assisi"
    assert list(days) == sorted(days)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2025-01-15T09:00", "2025-01-15T18:00", 8),
        ("2025-01-15T12:00", "2025-01-15T15:00", 2),  # over lunch
        ("2025-01-15T13:10", "2025-01-15T13:50", 0),
        ("2025-01-17T17:00", "2025-01-20T10:00", 2),  # over a weekend
        ("2025-01-18T11:00", "2025-01-20T09:00", 0),  # Saturday to opening time
        ("2025-04-18T16:00", "2025-04-22T10:00", 3),  # over Easter Monday
        ("2025-08-14T17:00", "2025-08-18T09:30", 1.5),  # over 15 August
        ("2025-03-28T17:30", "2025-03-31T09:30", 1),  # the clock goes forward
        ("2025-10-24T17:30", "2025-10-27T09:30", 1),  # and back
        ("2025-12-23T00:00", "2026-01-07T00:00", 7 * 8),  # Christmas and Epiphany
        ("2025-01-20T10:00", "2025-01-17T17:00", -2),
    ],
)
def test_hours_between(start, end, expected):
    assert hours(start, end) == pytest.approx(expected, abs=1e-9)


def test_days_off_and_other_hours():
    closed = BusinessHours(days_off=frozenset({date(2025, 8, 18)}))
    assert hours("2025-08-14T17:00", "2025-08-19T09:30", closed) == 1.5
    saturdays = BusinessHours(spans=((time(8), time(12)),), weekdays=(5,))
    assert hours("2025-01-17T00:00", "2025-01-20T00:00", saturdays) == 4
    assert hours("2025-01-20T00:00", "2025-01-22T00:00", saturdays) == 0
    abroad = BusinessHours(italian=False, tz="America/New_York")
    assert hours("2025-04-21T15:00", "2025-04-21T16:00", abroad) == 1


@pytest.mark.parametrize(
    ("tz", "start", "end", "expected"),
    [
        # 9:30 to 11:00 of the next local day, and 16:30 to 17:30 of the day before.
        ("Pacific/Auckland", "2025-01-15T20:30", "2025-01-15T22:00", 1.5),
        ("America/Los_Angeles", "2025-01-16T00:30", "2025-01-16T01:30", 1.0),
    ],
)
def test_local_days_that_are_not_utc_days(tz, start, end, expected):
    instants = (np.array([np.datetime64(moment, "us")]) for moment in (start, end))
    assert BusinessHours(tz=tz).between(*instants)[0] == expected


@given(
    st.datetimes(datetime(2024, 12, 1), datetime(2025, 11, 30)),
    st.integers(0, 14 * 24 * 60),
)
def test_hours_are_those_counted_minute_by_minute(start, minutes):
    start = start.replace(second=0, microsecond=0)
    calendar, counted = BusinessHours(), 0
    for step in range(minutes):
        at = (start + timedelta(minutes=step)).replace(tzinfo=UTC).astimezone(ROME)
        works = at.weekday() < 5 and at.date() not in italian_holidays(at.year)
        counted += works and (9 <= at.hour < 13 or 14 <= at.hour < 18)
    first = np.array([np.datetime64(start, "us")])
    found = calendar.between(first, first + np.timedelta64(minutes, "m"))
    assert found[0] == pytest.approx(counted / 60, abs=1e-9)


def test_missing_instants_have_no_hours():
    nothing = np.array(["NaT"], dtype="datetime64[us]")
    assert np.isnan(BusinessHours().between(nothing, nothing)).all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"spans": ()}, "opening hours"),
        ({"spans": ((time(13), time(9)),)}, "opening hours"),
        ({"spans": ((time(9), time(13)), (time(12), time(18)))}, "opening hours"),
        ({"weekdays": (7,)}, "Monday"),
        ({"tz": "Europe/Atlantis"}, "time zone"),
    ],
)
def test_impossible_hours_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        BusinessHours(**settings)


def alone(table, **settings):
    """Median and share in time of all leads."""
    speed = speed_to_lead(table, **settings)
    assert (speed.by, speed.groups) == ("", ("(all)",))
    return speed.median[0], speed.in_time[0]


def test_speed_on_hand_made_leads():
    table = leads(
        ("2025-01-15T09:00", "2025-01-15T10:00"),  # 1 hour
        ("2025-01-15T09:00", "2025-01-15T15:00"),  # 5
        ("2025-01-17T17:00", "2025-01-20T17:00"),  # 8
        ("2025-01-20T09:00", None),  # waiting for 9
        ("2025-01-21T09:00", None),  # for 1: too young for the share
        ("2025-01-21T09:00", "2025-01-21T09:30"),  # likewise, though called
        ("2025-01-15T09:00", "2025-01-14T09:00"),  # backwards
        ("2025-01-22T09:00", None),  # not there yet
    )
    median, in_time = alone(table, within_hours=4, as_of="2025-01-21T10:00+01:00")
    # 0.5, 1, 1+, 5, 8, 9+: Kaplan-Meier passes a half at 5 hours.
    assert median.value == 5 / 8
    assert "5 business hours" in median.note
    assert "2 not called" in median.note
    assert median.n == 6
    assert (in_time.value, in_time.n) == (0.25, 4)
    assert in_time.lower == pytest.approx(0.0579, abs=1e-4)
    assert "2 lead(s) younger" in in_time.note
    for kpi in (median, in_time):
        assert "1 lead(s) called before they were created" in kpi.note
        assert "1 lead(s) created after" in kpi.note
        assert kpi.cohort == (date(2025, 1, 15), date(2025, 1, 21))


def test_giving_up_on_a_lead_does_not_look_like_speed():
    called = ("2025-01-15T09:00", "2025-01-15T10:00")
    table = leads(called, ("2025-01-15T09:00", None), ("2025-01-15T09:00", None))
    gone = table.assign(ended_at=pd.Timestamp("2025-01-15T09:30Z"), discard_reason="no reply")
    gone["ended_at"] = gone["ended_at"].astype("datetime64[us, UTC]")
    for one, other in zip(
        alone(table, as_of="2025-02-01"),
        alone(gone, as_of="2025-02-01"),
        strict=True,
    ):
        assert one == other or (np.isnan(one.value) and np.isnan(other.value))
    assert "fewer than half" in alone(gone, as_of="2025-02-01")[0].note


def test_speed_covers_the_truth():
    """Calls come after exponential working hours; 300 draws at 90% vary by 1.7 points."""
    rng, always = (
        np.random.default_rng(4),
        BusinessHours(((time(0), time(23, 59)),), tuple(range(7)), False, tz="UTC"),
    )
    hits = np.zeros((300, 2))
    for i in range(300):
        born = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(
            rng.uniform(0, 400, 80), unit="h"
        )
        wait = rng.exponential(20, 80)
        frame = pd.DataFrame(
            {"created_at": born, "first_contacted_at": born + pd.to_timedelta(wait, unit="h")}
        )
        median, share = alone(frame, hours=always, within_hours=12, as_of=born.max())
        truth = 20 * np.log(2) / always.hours_a_day
        hits[i] = (
            median.lower <= truth <= median.upper,
            share.lower <= 1 - np.exp(-0.6) <= share.upper,
        )
    assert np.all((hits.mean(axis=0) >= 0.84) & (hits.mean(axis=0) <= 0.96))


def test_speed_of_the_shipped_company_is_slower_than_promised():
    median, share = alone(datasets.load("leads"), within_hours=8)
    assert median.n == 216
    assert 0.5 < median.lower < median.value < median.upper < 5
    assert share.lower < share.value < share.upper < 0.5


def test_wrong_arguments_say_what_to_do():
    table = leads(("2025-01-15T09:00", None))
    with pytest.raises(InputError, match="no column 'first_contacted_at'"):
        speed_to_lead(table.drop(columns="first_contacted_at"))
    with pytest.raises(ConfigError, match="within_hours"):
        speed_to_lead(table, within_hours=0)
    with pytest.raises(InputError, match=r"by \d{4}-\d\d-\d\d and .*Look from a later date"):
        speed_to_lead(table, as_of="2020-01-01")
    with pytest.raises(InputError, match="no column 'mql_at'"):
        leads_delivered(table, {"2025-01": 3})
    for month in ("2025-13", "January", "2025-1"):
        with pytest.raises(ConfigError, match="such as '2025-01'"):
            leads_delivered(table, {month: 3}, counted="created_at")
    with pytest.raises(ConfigError, match="numbers of leads"):
        leads_delivered(table, {"2025-01": -3}, counted="created_at")


def test_delivery_counts_local_months_up_to_the_date():
    table = leads(
        ("2025-01-31T23:30", None),
        ("2025-02-01T00:30", None),  # 31 January in UTC
        ("2025-02-10T10:00", None),
        ("2025-03-10T10:00", None),
        ("2025-03-20T10:00", None),
    )
    delivery = leads_delivered(
        table, {"2025-03": 1, "2025-01": 2, "2025-02": 2}, counted="created_at", as_of="2025-03-15"
    )
    assert delivery.month == ("2025-01", "2025-02", "2025-03")
    assert delivery.delivered.tolist() == [1, 2, 1]
    assert delivery.complete.tolist() == [True, True, False]
    assert (delivery.kept.value, delivery.kept.n) == (0.5, 2)
    assert 0 < delivery.kept.lower < 0.5 < delivery.kept.upper < 1
    assert delivery.ratio.value == 0.75
    assert delivery.to_frame()["share"].tolist() == [0.5, 1.0, 1.0]


def test_delivery_before_any_month_is_over():
    delivery = leads_delivered(
        leads(("2025-01-05T10:00", None)), {"2025-01": 0}, counted="created_at", as_of="2025-01-20"
    )
    assert np.isnan(delivery.kept.value)
    assert np.isnan(delivery.ratio.value)
    assert "no month is over" in delivery.kept.note
    assert np.isnan(delivery.to_frame()["share"].iloc[0])


@pytest.mark.parametrize("by", ["owner", "source", "quarter"])
def test_speed_by_group_is_that_of_its_leads(by):
    table = datasets.load("leads")
    found = speed_to_lead(table, by=by, as_of="2025-12-31", tz="UTC")
    frame = found.to_frame()
    assert frame["n"].sum() == 216
    quarter = table["created_at"].dt.tz_localize(None).dt.to_period("Q").astype("str")
    label = table[by] if by in table else quarter.str.replace("Q", "-Q")
    for i, group in enumerate(found.groups):
        mine = label.isna() if group == "(missing)" else label == group
        median, share = alone(table[mine], as_of="2025-12-31")
        assert (found.median[i].group, found.in_time[i].group) == (group, group)
        assert (frame["n"][i], frame["n_ripe"][i]) == (median.n, share.n)
        assert frame["days"][i] == pytest.approx(median.value)
        assert (frame["in_time"][i], frame["in_time_upper"][i]) == (share.value, share.upper)


def test_delivery_by_channel_in_one_call():
    table = leads(
        ("2025-01-10T10:00", None), ("2025-01-12T10:00", None), ("2025-02-10T10:00", None)
    ).assign(channel=["Email", "Events", "Email"])
    promised = {"Events": {"2025-01": 1, "2025-02": 1}, "Email": {"2025-01": 1}}
    delivery = leads_delivered(
        table, promised, by="channel", counted="created_at", as_of="2025-03-01"
    )
    assert delivery.group == ("Email", "Events", "Events")
    assert delivery.delivered.tolist() == [1, 1, 0]
    assert delivery.kept.value == pytest.approx(2 / 3)
    assert delivery.of("Events").kept.value == 0.5
    assert "in 2 months" in delivery.ratio.note
    with pytest.raises(ConfigError, match="no group 'Fair'"):
        delivery.of("Fair")
    with pytest.raises(ConfigError, match="months alone without"):
        leads_delivered(table, promised, counted="created_at")
    with pytest.raises(ConfigError, match="groups of months with by="):
        leads_delivered(table, {"2025-01": 1}, by="channel", counted="created_at")
