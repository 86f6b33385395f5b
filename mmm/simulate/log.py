"""Touch logs of any size, written chunk by chunk and in no order, with the deals they led to."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mmm.errors import ConfigError
from mmm.simulate.draws import Bools, Floats, Ints, between, categories, sigmoid, spread, waiting

CHANNELS = (
    "Direct",
    "Display",
    "Email",
    "Events",
    "Organic search",
    "Organic social",
    "Paid search",
    "Paid social",
    "Partner",
    "Referral",
    "Video",
    "Webinar",
)
DAY = 86_400_000_000  # microseconds
FIRST_DAY = np.datetime64("2023-01-01", "us").astype(np.int64)
UTC = pa.timestamp("us", "UTC")
MONEY = pa.decimal128(18, 2)
CENT = pa.scalar(Decimal("0.01"))


@dataclass(frozen=True)
class LogSettings:
    """What a log is drawn from.

    Attributes
    ----------
    n_touches : int
        Rows of the log, exactly.
    touches_per_person : float
        Mean of a geometric number.
    people_per_account : int
    days : int
        From the first touch on; a touch or close after the last day is not there yet.
    known_account : float
        Part of the touches that carry their account.
    base : float
        Log odds that an account without any effect opens a deal.
    won : float
        Part of the closed deals that are won.
    seed : int
    """

    n_touches: int
    touches_per_person: float = 5.0
    people_per_account: int = 2
    days: int = 730
    known_account: float = 0.8
    base: float = -6.0
    won: float = 0.4
    seed: int = 0


@dataclass(frozen=True, eq=False)
class LogFiles:
    """A log that was written.

    Attributes
    ----------
    touches : Path
        Parquet: person_id, account_id, touched_at, channel; rows in random order.
    deals : Path
        Parquet: deal_id, account_id, created_at, closed_at, won, value.
    n_touches, n_deals : int
    effects : dict of str to float
        The truth: what a touch of the channel anywhere in an account adds to its log odds of
        opening a deal.
    """

    touches: Path
    deals: Path
    n_touches: int
    n_deals: int
    effects: dict[str, float]


def write_log(folder: Path, settings: LogSettings, chunk: int = 1_000_000) -> LogFiles:
    """Write a touch log and its deals as Parquet, holding about `chunk` touches in memory.

    Each chunk of accounts is drawn from the seed and its own number, its rows are dealt out at
    random to parts on disk, and each part is shuffled: a random order of the whole log.

    Parameters
    ----------
    folder : Path
        Created where it is missing; ``touches.parquet`` and ``deals.parquet`` are overwritten.
    settings : LogSettings
    chunk : int, default 1_000_000
        Touches drawn at once. Another chunk gives another log.

    Returns
    -------
    LogFiles

    Raises
    ------
    ConfigError
        If there is nothing to write.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = write_log(Path(folder), LogSettings(n_touches=1000), chunk=300)
    ...     pq.read_metadata(files.touches).num_rows
    1000
    """
    if settings.n_touches < 1 or chunk < 1:
        raise ConfigError(
            f"n_touches={settings.n_touches} and chunk={chunk} leave nothing to write. "
            "Pass positive numbers."
        )
    folder.mkdir(parents=True, exist_ok=True)
    files = LogFiles(
        folder / "touches.parquet", folder / "deals.parquet", settings.n_touches, 0, _effects()
    )
    n_chunks = -(-settings.n_touches // chunk)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        parts = [Path(scratch) / f"{part}.parquet" for part in range(n_chunks)]
        n_deals = _deal_out(settings, chunk, parts, files.deals)
        _shuffle(settings, parts, files.touches)
    return LogFiles(files.touches, files.deals, settings.n_touches, n_deals, files.effects)


def draw_chunks(settings: LogSettings, chunk: int) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield touches and deals of one block of accounts after another.

    Yields
    ------
    touches, deals : pyarrow.Table
        Columns as in `LogFiles`; no account lies in two chunks.
    """
    first_person, left, number = 0, settings.n_touches, 0
    while left:
        rng = np.random.default_rng([settings.seed, number])
        size = min(chunk, left)
        person, step = _steps(rng, size, settings.touches_per_person)
        channel = _walk(rng, person, step)
        at = _times(rng, person, step, settings.days)
        account = (first_person + person) // settings.people_per_account
        deals = _deals(rng, settings, account, channel, at)
        known = rng.random(size) < settings.known_account
        yield _touch_table(first_person + person, account, known, at, channel), deals
        people = int(person[-1]) + 1
        first_person += -(-people // settings.people_per_account) * settings.people_per_account
        left, number = left - size, number + 1


def _effects() -> dict[str, float]:
    return dict(zip(CHANNELS, np.linspace(-0.5, 1.5, len(CHANNELS)).round(2).tolist(), strict=True))


def _steps(rng: np.random.Generator, size: int, mean: float) -> tuple[Ints, Ints]:
    """Return person and position of each touch; the last person is cut short."""
    lengths = 1 + np.floor(waiting(rng, 1 / -np.log1p(-1 / max(mean, 1.001)), size)).astype(
        np.int64
    )
    people = int(np.searchsorted(np.cumsum(lengths), size)) + 1
    lengths = lengths[:people]
    person = np.repeat(np.arange(people), lengths)[:size]
    step = np.arange(size) - np.repeat(np.cumsum(lengths) - lengths, lengths)[:size]
    return person, step


def _walk(rng: np.random.Generator, person: Ints, step: Ints) -> Ints:
    """Draw each person's channels from one first-order chain, step by step."""
    shape = np.random.default_rng(0)
    n = len(CHANNELS)
    edges = np.cumsum(shape.dirichlet(np.full(n, 0.8), n), axis=1)
    channel = np.empty(len(step), dtype=np.int64)
    order = np.argsort(step, kind="stable")
    bounds = np.searchsorted(step[order], np.arange(int(step.max()) + 2))
    rows = order[: bounds[1]]
    channel[rows] = categories(rng, shape.dirichlet(np.full(n, 2.0)).tolist(), len(rows))
    for low, high in pairwise(bounds[1:]):
        rows = order[low:high]
        row_edges = edges[channel[rows - 1]]
        channel[rows] = np.minimum((rng.random(len(rows))[:, None] > row_edges).sum(axis=1), n - 1)
    return channel


def _times(rng: np.random.Generator, person: Ints, step: Ints, days: int) -> Ints:
    """Return microseconds since 1970: a start in the period, then gaps of six days on average."""
    gaps = waiting(rng, 6.0, len(step))
    gaps[step == 0] = 0.0
    elapsed = np.cumsum(gaps)
    first = np.flatnonzero(step == 0)
    begins = between(rng, 0.0, 0.8 * days, len(first))
    at = (begins - elapsed[first])[person] + elapsed
    return FIRST_DAY + (np.minimum(at, days - 0.001) * DAY).astype(np.int64)


def _deals(
    rng: np.random.Generator, settings: LogSettings, account: Ints, channel: Ints, at: Ints
) -> pa.Table:
    """Draw which accounts open a deal, from the channels that touched them."""
    base = int(account[0])
    local = account - base
    n = int(local[-1]) + 1
    touched: Bools = np.zeros((n, len(CHANNELS)), dtype=bool)
    touched[local, channel] = True
    logit: Floats = settings.base + touched @ np.array(list(_effects().values()))
    first = np.flatnonzero(np.diff(local, prepend=-1))
    begins, ends = np.minimum.reduceat(at, first), np.maximum.reduceat(at, first)
    opened = np.flatnonzero(rng.random(n) < sigmoid(logit))
    size = len(opened)
    created = begins[opened] + (between(rng, 0.3, 1.0, size) * (ends - begins)[opened]).astype(int)
    closed = ends[opened] + (waiting(rng, 30.0, size) * DAY).astype(np.int64)
    over = closed < FIRST_DAY + settings.days * DAY
    won = rng.random(size) < settings.won
    cents = np.round(spread(rng, 1_500_000.0, 0.8, size)).astype(np.int64)
    number = pa.array(base + opened)
    return pa.table(
        {
            "deal_id": _named("D", number),
            "account_id": _named("A", number),
            "created_at": pa.array(created).cast(UTC),
            "closed_at": pa.array(closed, mask=~over).cast(UTC),
            "won": pa.array(won, mask=~over),
            "value": pc.multiply(pa.array(cents).cast(pa.decimal128(19, 0)), CENT).cast(MONEY),
        }
    )


def _touch_table(person: Ints, account: Ints, known: Bools, at: Ints, channel: Ints) -> pa.Table:
    return pa.table(
        {
            "person_id": _named("P", pa.array(person)),
            "account_id": _named("A", pa.array(account, mask=~known)),
            "touched_at": pa.array(at).cast(UTC),
            "channel": pa.DictionaryArray.from_arrays(
                pa.array(channel, pa.int32()), pa.array(CHANNELS)
            ).cast(pa.string()),
        }
    )


def _named(prefix: str, numbers: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(prefix, numbers.cast(pa.string()), "")


def _deal_out(settings: LogSettings, chunk: int, parts: list[Path], deals_file: Path) -> int:
    """Scatter the rows of each chunk over the parts; write the deals as they come."""
    n_deals = 0
    with ExitStack() as files:
        writers: list[pq.ParquetWriter] = []
        deal_writer = None
        for number, (touches, deals) in enumerate(draw_chunks(settings, chunk)):
            if deal_writer is None:
                deal_writer = files.enter_context(pq.ParquetWriter(deals_file, deals.schema))
                writers = [
                    files.enter_context(pq.ParquetWriter(part, touches.schema)) for part in parts
                ]
            deal_writer.write_table(deals)
            n_deals += len(deals)
            to_part = np.random.default_rng([settings.seed, number, 1]).integers(
                len(parts), size=len(touches)
            )
            order = np.argsort(to_part, kind="stable")
            bounds = np.searchsorted(to_part[order], np.arange(len(parts) + 1))
            for part, writer in enumerate(writers):
                writer.write_table(touches.take(order[bounds[part] : bounds[part + 1]]))
    return n_deals


def _shuffle(settings: LogSettings, parts: list[Path], target: Path) -> None:
    with pq.ParquetWriter(target, pq.read_schema(parts[0])) as writer:
        for number, part in enumerate(parts):
            rows = pq.read_table(part)
            rng = np.random.default_rng([settings.seed, number, 2])
            writer.write_table(rows.take(rng.permutation(len(rows))))
            part.unlink()
