"""Databases: PostgreSQL and SQLite, through SQLAlchemy.

An address is a database URL; what follows ``#`` is one table, or options joined by ``&``, each with
percent-encoding where it holds such signs::

    postgresql://user@host/crm#mmm_scores
    sqlite:///crm.db#table=leads&key=id

| option | default | |
|---|---|---|
| ``table`` | ``mmm_scores`` | written to |
| ``key`` | ``lead_id`` | its column of lead ids |
| ``leads``, ``touches``, ``deals`` | the same names | read from; a view gives columns our names |
| ``updated`` | ``updated_at`` | column of the last change, where a table has it |

Written to is one of two kinds of table. A table with no columns but the key and ours is a table of
scores: it gets a row for each lead, and loses it with its last value. `SqlTarget.prepare` makes one
where its name begins with ``mmm_`` and it is missing. Any other table is one of leads: it gets our
columns, its rows are updated, none is ever added, and a lead that it lacks is refused.
"""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles

from mmm.crm.intake import Batch, take_in_batches, utc_text
from mmm.crm.sql.errors import Stage, first_words, refuses_rows, verdict_of
from mmm.crm.sql.place import Place, find_place
from mmm.crm.sql.source import SqlSource
from mmm.crm.target import FIELDS, PROBABILITY, SCORED_AT, Fields, Record, Refusal
from mmm.errors import (
    MissingLibraryError,
    TargetBusy,
    TargetError,
    TargetUnsure,
    quoted,
)

CHUNK_SIZE = 20_000
LOCK_SECONDS = 10  # how long to wait for a lock that somebody else has
MOST_REFUSED = 100  # beyond this the fault lies with the table, not with the leads
_ASKED = 10_000  # ids in one query
_OURS = "mmm_"  # tables whose names begin so may be made
_CREATE = "Create the fields first: mmm score prepare."
_PART = "mmm_part"  # temporary, of one transaction


def open_target(address: str, *, environ: Mapping[str, str]) -> "SqlTarget":
    """Open the table that scores are written to; the module says how an address reads."""
    return SqlTarget(find_place(address, environ))


def open_source(address: str, *, environ: Mapping[str, str]) -> "SqlSource":
    """Open the database that leads, touches and deals are read from."""
    return SqlSource(find_place(address, environ))


class SqlTarget:
    """A table of scores, or the columns of scores in a table of leads.

    A call of `write` is one transaction: it is there whole or not at all, whatever is killed.

    Parameters
    ----------
    place : Place
    """

    chunk_size = CHUNK_SIZE

    def __init__(self, place: Place) -> None:
        self._place = place
        self._table = place.options.get("table", "mmm_scores")
        self._key = place.options.get("key", "lead_id")
        self.name = f"{place.name}#{self._table}"
        self._engine = _engine(place)
        self._ready: sa.Table | None = None  # once seen with all its columns
        self._absent: set[str] = set()  # leads that had no row when last looked for

    @property
    def adds_leads(self) -> bool:
        """Whether a lead that is not there gets a row, as in a table of scores."""
        if self._no_file():
            return self._table.startswith(_OURS)
        with self._connection() as (connection, _):
            table = self._found(connection)
            return table is None or self._of_scores(table)

    def prepare(self, *, dry_run: bool = False) -> tuple[str, ...]:
        """Add the columns that are missing, or make the table of scores."""
        if dry_run and self._no_file():
            return FIELDS
        with self._connection() as (connection, committing):
            table = self._found(connection)
            missing = tuple(n for n in FIELDS if table is None or n not in table.columns)
            if missing and not dry_run:
                self._make(connection, table, missing)
                committing.append(True)
                connection.commit()
        return missing

    def read(self, lead_ids: Sequence[str]) -> Mapping[str, Fields]:
        """Return the present fields of leads."""
        found: dict[str, Fields] = {}
        if self._no_file():
            return found
        with self._connection() as (connection, _):
            table = self._found(connection)
            if table is None:
                return found
            key = _key_text(table.columns[self._key])
            names = [name for name in FIELDS if name in table.columns]
            query = sa.select(key, *[_loose(table.columns[n], connection) for n in names])
            told = [_Plainly(name) for name in names]
            empty: dict[str, str | float | None] = dict.fromkeys(FIELDS)
            ids = [lead for lead in dict.fromkeys(lead_ids) if "\x00" not in lead]
            for lead, *cells in _rows_of(connection, table, query, key, ids):
                plain = zip(told, cells, strict=True)
                found[lead] = empty | {plainly.name: plainly[cell] for plainly, cell in plain}
        self._absent.update(ids)
        self._absent.difference_update(found)
        return found

    def write(self, records: Sequence[Record]) -> tuple[Refusal, ...]:
        """Write records in one transaction."""
        batches, refused = take_in_batches(records, self.chunk_size)
        if self._no_file():
            raise TargetError(f"{self._place.name} does not exist. {_CREATE}")
        with self._connection() as (connection, committing):
            if self._ready is None:
                self._ready = self._complete(connection)
            refused += self._merge(connection, self._ready, batches, MOST_REFUSED)
            committing.append(True)
            connection.commit()
        return tuple(refused)

    def close(self) -> None:
        """Do nothing: each call has its own connection."""

    def _merge(
        self, connection: Any, table: sa.Table, batches: list[Batch], most: int
    ) -> list[Refusal]:
        """Merge rows into the table; where it refuses some, halve them until these are alone."""
        inner = connection.begin_nested()
        try:
            refused: list[Refusal] = []
            for batch in batches:
                refused += self._merge_batch(connection, table, batch)
        except _database_errors(connection) as error:
            inner.rollback()
            cause = getattr(error, "orig", None) or error
            if not refuses_rows(cause):
                raise
            if sum(len(batch.leads) for batch in batches) == 1:
                return [Refusal(batches[0].leads[0], self._place.hide(first_words(cause)))]
        else:
            inner.commit()
            return refused
        for half in _halves(batches):
            refused += self._merge(connection, table, half, most - len(refused))
            if len(refused) > most:
                raise TargetError(
                    f"the table {self._table!r} refuses more than {MOST_REFUSED} leads "
                    f"({refused[-1].reason}). Mend the table, then write again."
                )
        return refused

    def _merge_batch(self, connection: Any, table: sa.Table, batch: Batch) -> list[Refusal]:
        """Merge rows that have the same fields, by way of a temporary table if that is faster."""
        names = batch.names
        scores = self._of_scores(table)
        if scores and connection.dialect.name == "sqlite":
            raw = connection.connection.driver_connection
            raw.executemany(_upsert_one(connection, table, self._key, names), batch.rows())
            self._clear(connection, table, batch)
            return []
        if scores and self._inserted(connection, table, batch):
            self._clear(connection, table, batch)
            return []
        part = _part(table, names)
        part.create(connection)
        _fill(connection, part, batch)
        if scores:
            connection.execute(_upsert(table, part, self._key, names))
            self._clear(connection, table, batch)
            lost: list[str] = []
        else:
            key = _key_text(table.columns[self._key])
            same = key == part.c.lead_id
            values = {name: part.c[name] for name in names}
            connection.execute(sa.update(table).values(values).where(same))
            known = sa.exists().where(same).correlate(part)
            lost = list(connection.scalars(sa.select(part.c.lead_id).where(~known)))
        part.drop(connection)
        return [Refusal(lead, f"no such lead in {self._table!r}") for lead in sorted(lost)]

    def _inserted(self, connection: Any, table: sa.Table, batch: Batch) -> bool:
        """Copy rows straight into a table that lacked them when it was read; whether it took them.

        Where one has come meanwhile, or is to be refused alone, the table takes none, and they are
        merged instead.
        """
        new = self._absent.issuperset(batch.leads)
        self._absent.difference_update(batch.leads)
        if not new or [column.name for column in table.primary_key] != [self._key]:
            return False
        inner = connection.begin_nested()
        try:
            _copy(connection, table, (self._key, *batch.names), batch)
        except _database_errors(connection):
            inner.rollback()
            return False
        inner.commit()
        return True

    def _clear(self, connection: Any, table: sa.Table, batch: Batch) -> None:
        """Delete the rows of a table of scores that have lost their last value.

        Where the user may not delete, or something else hangs on a row, it stays, empty.
        """
        if not all(None in column for column in batch.columns):
            return
        empty = [lead for lead, *cells in batch.rows() if not any(c is not None for c in cells)]
        key = _key_text(table.columns[self._key])
        none = [column.is_(None) for column in table.columns if column.name != self._key]
        inner = connection.begin_nested()
        try:
            connection.execute(sa.delete(table).where(_among(connection, key, empty), *none))
        except _database_errors(connection):
            inner.rollback()
        else:
            inner.commit()

    def _make(self, connection: Any, table: sa.Table | None, missing: tuple[str, ...]) -> None:
        if table is not None:
            for column in _columns(connection.dialect.name, missing):
                connection.execute(_AddColumn(table, column))
            return
        key = sa.Column(self._key, sa.Text, primary_key=True)
        columns = _columns(connection.dialect.name, FIELDS)
        sa.Table(self._table, sa.MetaData(), key, *columns).create(connection, checkfirst=True)

    def _found(self, connection: Any) -> sa.Table | None:
        """Look the table up; None where it is missing and may be made."""
        table, others = _look_up(connection, self._table)
        if table is None:
            if self._table.startswith(_OURS):
                return None
            raise TargetError(
                f"the database has no table {self._table!r}; found {quoted(others)}. Correct the "
                f"part after #; only a table whose name begins with {_OURS} is made."
            )
        if self._key not in table.columns:
            raise TargetError(
                f"the table {self._table!r} has no column {self._key!r}; found "
                f"{quoted(table.columns.keys(), 20)}. Name the column of lead ids: "
                f"#table={self._table}&key=..."
            )
        return table

    def _complete(self, connection: Any) -> sa.Table:
        table = self._found(connection)
        missing = [n for n in FIELDS if table is None or n not in table.columns]
        if table is None or missing:
            raise TargetError(f"the table {self._table!r} has no {quoted(missing)}. {_CREATE}")
        return table

    def _of_scores(self, table: sa.Table) -> bool:
        return set(table.columns.keys()) <= {self._key, *FIELDS}

    def _no_file(self) -> bool:
        """Tell whether a SQLite file is missing: to look into it would make an empty one."""
        lite = self._engine.dialect.name == "sqlite"
        return lite and not Path(self._place.url.database or "").exists()

    @contextmanager
    def _connection(self) -> Iterator[tuple[Any, list[bool]]]:
        """Connect, and tell errors as a target does; the list is filled before the commit."""
        committing: list[bool] = []
        connected = False
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", sa.exc.SAWarning)
                with self._engine.connect() as connection:
                    connected = True
                    yield connection, committing
        except (sa.exc.SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error) as error:
            stage: Stage = "commit" if committing else "work" if connected else "connect"
            raise self._told(getattr(error, "orig", None) or error, stage) from None

    def _told(self, cause: BaseException, stage: Stage) -> TargetError:
        said = f"{self._place.name}: {self._place.hide(first_words(cause))}"
        verdict = verdict_of(cause, stage)
        if verdict == "busy":
            return TargetBusy(f"{said}. Nothing was written; try again.", 5.0)
        if verdict == "unsure":
            return TargetUnsure(f"{said}. Read back what was written.")
        return TargetError(f"{said}. Check the address, the rights and the table.")


def _halves(batches: list[Batch]) -> list[list[Batch]]:
    if len(batches) > 1:
        return [batches[:1], batches[1:]]
    batch = batches[0]
    middle = len(batch.leads) // 2
    return [
        [Batch(batch.names, batch.leads[part], [column[part] for column in batch.columns])]
        for part in (slice(middle), slice(middle, None))
    ]


def _database_errors(connection: Any) -> tuple[type[Exception], ...]:
    return (sa.exc.DBAPIError, connection.dialect.loaded_dbapi.Error)


def _engine(place: Place) -> sa.Engine:
    lite = place.url.get_backend_name() == "sqlite"
    settings: dict[str, Any] = {"timeout": LOCK_SECONDS}
    if not lite:
        settings = {"connect_timeout": 10, "client_encoding": "utf8"}
        settings = {k: v for k, v in settings.items() if k not in place.url.query}
    try:
        engine = sa.create_engine(
            place.url, connect_args=settings, poolclass=sa.NullPool, hide_parameters=True
        )
    except ModuleNotFoundError as error:
        raise MissingLibraryError(
            f'The driver of the database is missing ({error}). Run: pip install "psycopg[binary]"'
        ) from error
    if lite:  # its driver would commit before a savepoint or a definition
        sa.event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
        sa.event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN"))
    else:
        wait = f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"
        sa.event.listen(engine, "begin", lambda c: c.exec_driver_sql(wait))
    return engine


def _look_up(connection: Any, name: str) -> tuple[sa.Table | None, list[str]]:
    """Return a table or view, also as schema.table; and what else there is."""
    inspector = sa.inspect(connection)
    found = [*inspector.get_table_names(), *inspector.get_view_names()]
    schema, _, inside = name.rpartition(".")
    if name in found:
        schema, inside = "", name
    elif schema not in inspector.get_schema_names() or inside not in [
        *inspector.get_table_names(schema), *inspector.get_view_names(schema),
    ]:  # fmt: skip
        return None, found
    metadata = sa.MetaData()
    return sa.Table(
        inside, metadata, schema=schema or None, autoload_with=connection, resolve_fks=False
    ), found


def _columns(dialect: str, names: Sequence[str]) -> list[sa.Column[Any]]:
    kinds: dict[str, Any] = {PROBABILITY: sa.Double()}
    if dialect == "postgresql":
        kinds[SCORED_AT] = sa.DateTime(timezone=True)
    return [sa.Column(name, kinds.get(name, sa.Text())) for name in names]


def _part(table: sa.Table, names: tuple[str, ...]) -> sa.Table:
    """Describe the temporary table, where an instant has the type that the table has for it."""
    columns: list[sa.Column[Any]] = [sa.Column("lead_id", sa.Text)]
    for name in names:
        own = table.columns[name].type
        kind = own if isinstance(own, sa.DateTime) else sa.Text()
        columns.append(sa.Column(name, sa.Double() if name == PROBABILITY else kind))
    return sa.Table(_PART, sa.MetaData(), *columns, prefixes=["TEMPORARY"])


def _fill(connection: Any, part: sa.Table, batch: Batch) -> None:
    """Fill the temporary table by the fastest way that the database has."""
    if connection.dialect.name == "postgresql":
        _copy(connection, part, ("lead_id", *batch.names), batch)
        return
    raw = connection.connection.driver_connection
    holes = ", ".join("?" * len(part.columns))
    raw.executemany(f"INSERT INTO {_PART} VALUES ({holes})", batch.rows())


def _copy(connection: Any, table: sa.Table, names: Sequence[str], batch: Batch) -> None:
    preparer = connection.dialect.identifier_preparer
    columns = ", ".join(map(preparer.quote, names))
    statement = f"COPY {preparer.format_table(table)} ({columns}) FROM STDIN"
    raw = connection.connection.driver_connection
    with raw.cursor() as cursor, cursor.copy(statement) as copy:
        for row in batch.rows():
            copy.write_row(row)


def _upsert(table: sa.Table, part: sa.Table, key: str, names: tuple[str, ...]) -> Any:
    # The rows lie in the order of ids, so that two writers meet in the same order: no deadlock.
    rows = sa.select(part.c.lead_id, *[part.c[n] for n in names])
    statement = postgresql.insert(table).from_select([key, *names], rows)
    changed = {name: statement.excluded[name] for name in names}
    return statement.on_conflict_do_update(index_elements=[table.columns[key]], set_=changed)


def _upsert_one(connection: Any, table: sa.Table, key: str, names: tuple[str, ...]) -> str:
    preparer = connection.dialect.identifier_preparer
    columns = [preparer.quote(name) for name in (key, *names)]
    changed = ", ".join(f"{name} = excluded.{name}" for name in columns[1:])
    return (
        f"INSERT INTO {preparer.format_table(table)} ({', '.join(columns)}) "
        f"VALUES ({', '.join('?' * len(columns))}) "
        f"ON CONFLICT ({columns[0]}) DO UPDATE SET {changed}"
    )


def _key_text(column: sa.Column[Any]) -> Any:
    """Return a key as text: it may be a number, a UUID, or text filled up with blanks."""
    plain = isinstance(column.type, sa.String) and not isinstance(column.type, sa.CHAR)
    return column if plain else sa.cast(column, sa.Text)


def _among(connection: Any, key: Any, ids: list[str]) -> Any:
    """Ask for many keys by one parameter: a hole for each would cost more than the answer."""
    if connection.dialect.name == "sqlite":
        each = sa.func.json_each(json.dumps(ids)).table_valued("value")
        return key.in_(sa.select(each.c.value))
    return key == sa.any_(sa.bindparam("asked", ids, type_=postgresql.ARRAY(sa.Text)))


def _rows_of(
    connection: Any, table: sa.Table, query: Any, key: Any, ids: list[str]
) -> Iterator[Any]:
    """Yield the rows of leads: by key, or all of a table that has no more rows than asked for."""
    if len(ids) > _ASKED:
        few = sa.select(sa.literal(1)).select_from(table).limit(len(ids) + 1).subquery()
        if connection.scalar(sa.select(sa.func.count()).select_from(few)) <= len(ids):
            wanted = frozenset(ids)
            yield from (row for row in connection.execute(query) if row[0] in wanted)
            return
    for start in range(0, len(ids), _ASKED):
        yield from connection.execute(
            query.where(_among(connection, key, ids[start : start + _ASKED]))
        )


def _loose(column: sa.Column[Any], connection: Any) -> Any:
    """Return a column as SQLite holds it, whatever type was declared."""
    lite = connection.dialect.name == "sqlite"
    return sa.type_coerce(column, sa.types.NullType()) if lite else column


class _Plainly(dict[Any, str | float | None]):
    """Cells of one field in the form of the protocol, each looked at once."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __missing__(self, cell: Any) -> str | float | None:
        told = self[cell] = self._tell(cell)
        return told

    def _tell(self, cell: Any) -> str | float | None:
        if cell is None or cell == "":
            return None
        if self.name == PROBABILITY:
            return float(cell)
        if not isinstance(cell, datetime):
            return str(cell)
        return utc_text(cell if cell.tzinfo else cell.replace(tzinfo=UTC))


class _AddColumn(sa.schema.ExecutableDDLElement):
    """A definition that adds one column to a table."""

    def __init__(self, table: sa.Table, column: sa.Column[Any]) -> None:
        self.table, self.column = table, column


@compiles(_AddColumn)
def _add_column(element: _AddColumn, compiler: Any, **_: Any) -> str:
    table = compiler.preparer.format_table(element.table)
    column = compiler.get_column_specification(element.column)
    return f"ALTER TABLE {table} ADD COLUMN {column}"
