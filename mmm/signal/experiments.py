"""Experiments: registered beforehand, read afterwards, fed to the mix and to attribution."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmm.attribution import AttributionResult, Lift
from mmm.errors import ConfigError
from mmm.mix import LiftTest, Pilot, Reading
from mmm.tables.journal import append_entry, read_entries

KINDS = ("registered", "read")


@dataclass(frozen=True)
class ExperimentLog:
    """A file of what was planned and what it showed, one line of JSON an entry, only added to.

    A pilot that is registered before it starts cannot be forgotten when it shows nothing, nor be
    read over other weeks than were agreed.

    Attributes
    ----------
    path : Path
        Made with the first entry.

    Examples
    --------
    >>> import tempfile
    >>> log = ExperimentLog(Path(tempfile.mkdtemp()) / "experiments.jsonl")
    >>> log.register("fairs-1", channel="Fairs", start="2025-03-03", end="2025-04-27",
    ...     spend_change=-8000.0, expected=-9000.0, on="2025-02-20")
    >>> log.read("fairs-1", LiftTest("Fairs", "2025-03-03", "2025-04-27", -8000, -6000.0, 2500.0),
    ...     on="2025-05-02")
    >>> log.to_frame()[["key", "state", "roas", "surprise"]].round(2).values.tolist()
    [['fairs-1', 'read', 0.75, 1.2]]
    """

    path: Path

    def register(
        self,
        key: str,
        *,
        channel: str,
        start: str | date,
        end: str | date,
        spend_change: float,
        expected: float,
        on: str | date,
        note: str = "",
    ) -> None:
        """Write down a pilot before it starts.

        Parameters
        ----------
        key : str
            Its name.
        channel : str
        start, end : date
            First and last day.
        spend_change : float
            Planned, over the pilot, in currency; below 0 where spend is taken away.
        expected : float
            Change of the outcome that is expected of it, in currency.
        on : date
            Today: a day not after `start`.
        note : str
            Such as where, and how it will be read.

        Raises
        ------
        ConfigError
            If the name is taken, the pilot has begun, or a figure cannot be.
        """
        first, last, today = (_day(value) for value in (start, end, on))
        if today > first:
            raise ConfigError(
                f"{key!r} began on {first} and is registered on {today}: what has begun is not "
                "registered. Use it as a LiftTest, and say that it was not planned."
            )
        if last < first or not (np.isfinite([spend_change, expected]).all() and spend_change != 0):
            raise ConfigError(
                f"{key!r} runs from {first} to {last} with a change of spend of {spend_change!r} "
                f"and {expected!r} expected. Pass dates in order, and numbers."
            )
        if not key:
            raise ConfigError("the pilot has no name. Give it one, such as fairs-2025.")
        if any(entry["key"] == key for entry in self.entries()):
            raise ConfigError(
                f"a pilot named {key!r} is in the log already, and an entry is never written "
                "again. Choose another name."
            )
        if not channel.strip():
            raise ConfigError(f"{key!r} names no channel. Name the one whose spend is changed.")
        facts = {"channel": channel, "start": first, "end": last, "note": note}
        figures = {"spend_change": float(spend_change), "expected": float(expected)}
        append_entry(self.path, key, "registered", today, {**facts, **figures})

    def register_pilot(
        self, key: str, pilot: Pilot, *, on: str | date, margin: float = 1.0, note: str = ""
    ) -> None:
        """Write down a pilot that `mmm.mix.plan_pilot` planned.

        Parameters
        ----------
        key : str
        pilot : Pilot
        on : date
        margin : float, default 1.0
            As it was planned with: what of the outcome remains.
        note : str

        Raises
        ------
        ConfigError
            As of `register`, or if the margin is not above 0.
        """
        if not margin > 0:
            raise ConfigError(f"margin={margin!r} is not above 0. Pass a share such as 0.4.")
        change = float(np.sum(np.abs(pilot.spend - pilot.spend.mean())))
        if pilot.mode == "holdout":
            others = float(pilot.unchanged.sum())
            change = -pilot.delta * pilot.part / (1 - pilot.part) * others
        span = [str(_day(pilot.dates[at])) for at in (0, -1)]
        self.register(
            key,
            channel=pilot.channel,
            start=span[0],
            end=span[1],
            spend_change=change,
            expected=change * (1 + pilot.expected) / margin,
            on=on,
            note=note or f"{pilot.mode} {pilot.delta:.0%}",
        )

    def plan(self, key: str) -> dict[str, Any]:
        """Return a pilot as it was registered.

        Raises
        ------
        ConfigError
            If it was not.
        """
        for entry in self.entries():
            if entry["key"] == key and entry["kind"] == "registered":
                return entry
        raise ConfigError(f"{key!r} was not registered. Register pilots before they start.")

    def read(self, key: str, found: Reading | LiftTest, *, on: str | date) -> None:
        """Write down what a pilot showed.

        Parameters
        ----------
        key : str
            As registered.
        found : Reading or LiftTest
            Of `mmm.mix.read_holdout` or `mmm.mix.read_flighting`, of the same channel.
        on : date

        Raises
        ------
        ConfigError
            If it was not registered, was read before, is of another channel, or is not over.
        """
        test = found.test if isinstance(found, Reading) else found
        planned = self.plan(key)
        kinds = {entry["kind"] for entry in self.entries() if entry["key"] == key}
        if "read" in kinds:
            raise ConfigError(f"{key!r} has been read: a result is not changed after the fact.")
        if planned["channel"] != test.channel:
            raise ConfigError(
                f"{key!r} is a pilot of {planned['channel']!r}, and this is one of "
                f"{test.channel!r}. Read it under its own name."
            )
        if _day(on) < _day(test.end):
            raise ConfigError(
                f"{key!r} runs to {test.end}, and it is {_day(on)}: a reading that may stop when "
                "the figures please is none. Read it when it is over; if it was stopped, give the "
                "test the end that it had."
            )
        append_entry(self.path, key, "read", on, {"test": asdict(test)})

    def entries(self) -> list[dict[str, Any]]:
        """Return all entries in order.

        Raises
        ------
        SourceError
            If the file cannot be read, or a line is no entry.
        """
        return read_entries(self.path, "experiment log", KINDS)

    def tests(self) -> tuple[LiftTest, ...]:
        """Return what was read, for ``MixModel(tests=...)``."""
        return tuple(
            LiftTest(**entry["test"]) for entry in self.entries() if entry["kind"] == "read"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row a pilot.

        Returns
        -------
        pandas.DataFrame
            key, channel, start, end, state ("registered" or "read"), spend_change, expected, lift,
            standard_error, roas, roas_error (outcome per unit of spend), surprise (lift less
            expected, over the error), moved (whether it was read over other days than agreed).
            `triangulate` takes the rows that were read.
        """
        plans = {e["key"]: e for e in self.entries() if e["kind"] == "registered"}
        results = {e["key"]: LiftTest(**e["test"]) for e in self.entries() if e["kind"] == "read"}
        names = [
            "key", "channel", "start", "end", "state", "spend_change", "expected", "lift",
            "standard_error", "roas", "roas_error", "surprise", "moved",
        ]  # fmt: skip
        return pd.DataFrame([_row(plan, results.get(key)) for key, plan in plans.items()],
                            columns=names)  # fmt: skip


def lifts_for(
    tests: Sequence[LiftTest], result: AttributionResult, spend: Mapping[str, float]
) -> dict[str, Lift]:
    """Put tests into the terms of attribution: what each channel brought over all its spend.

    A test says what a unit of spend brought at its margin; where returns diminish, the average of a
    channel is higher than that, so that these lifts are on the low side.

    Parameters
    ----------
    tests : sequence of LiftTest
    result : AttributionResult
        Channels without credit in it are left out: there is nothing to calibrate.
    spend : mapping of str to float
        Of the period of the result, by channel, in currency.

    Returns
    -------
    dict of str to Lift
        For `mmm.attribution.calibrate`; several tests of a channel are pooled by precision.

    Examples
    --------
    >>> from mmm.attribution import linear
    >>> from mmm.journeys import Journeys
    >>> credit = linear(Journeys.from_paths(["Fairs"], value=[9000.0]))
    >>> lifts_for([LiftTest("Fairs", "a", "b", -100.0, -50.0, 10.0)], credit, {"Fairs": 4000.0})
    {'Fairs': Lift(lift=2000.0, standard_error=400.0, credited=None)}
    """
    credited = dict(zip(result.channels, result.credit, strict=True))
    found = {}
    for channel in dict.fromkeys(test.channel for test in tests):
        if not credited.get(channel, 0.0) > 0 or not spend.get(channel, 0.0) > 0:
            continue
        own = [test for test in tests if test.channel == channel]
        weight = np.array([test.roas_error**-2 for test in own])
        roas = float(weight @ [test.roas for test in own] / weight.sum())
        error = float(weight.sum() ** -0.5)
        found[channel] = Lift(roas * spend[channel], error * spend[channel])
    return found


def _day(value: object) -> str:
    try:
        return date.fromisoformat(str(value)[:10]).isoformat()
    except ValueError:
        raise ConfigError(f"{value!r} is no day. Write it as 2025-01-31.") from None


def _row(plan: Mapping[str, Any], test: LiftTest | None) -> dict[str, Any]:
    row = {name: plan[name] for name in ("key", "channel", "start", "end")}
    row |= {"expected": plan["expected"], "state": "registered" if test is None else "read"}
    if test is None:
        return {**row, "spend_change": plan["spend_change"], "moved": False}
    scale = test.spend_change / plan["spend_change"]
    return {
        **row,
        "spend_change": test.spend_change,
        "lift": test.lift,
        "standard_error": test.standard_error,
        "roas": test.roas,
        "roas_error": test.roas_error,
        "surprise": (test.lift - plan["expected"] * scale) / test.standard_error,
        "moved": (str(test.start)[:10], str(test.end)[:10]) != (plan["start"], plan["end"]),
    }
