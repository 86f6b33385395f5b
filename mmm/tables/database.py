"""Databases: one table or view, through SQLAlchemy."""

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from mmm.errors import MissingLibraryError, MmmError, SourceError, quoted
from mmm.tables.cells import to_array
from mmm.tables.raw import Raw, first_line
from mmm.tables.rows import Rows

Cells = list[list[Any]]  # column by column


def load_database(url: str, table: str | None, *, since: tuple[str, datetime] | None = None) -> Raw:
    """Load one table.

    Parameters
    ----------
    url : str
    table : str or None
    since : (str, datetime), optional
        A column of instants, or of ISO 8601 text, and from when on rows are asked for. Rows without
        an instant come too, and text may bring some that are up to two days older.

    Raises
    ------
    SourceError, MissingLibraryError
        If it cannot be reached or read.
    """
    try:
        import sqlalchemy
    except ImportError as error:
        raise MissingLibraryError(
            "Reading a database needs SQLAlchemy. Run: pip install sqlalchemy, and for PostgreSQL "
            '"psycopg[binary]" too.'
        ) from error
    driver, _, rest = url.partition("://")
    if driver in {"postgresql", "postgres"}:
        url = f"postgresql+psycopg://{rest}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sqlalchemy.exc.SAWarning)
            names, columns = _query(sqlalchemy, url, table, since)
    except MmmError:
        raise
    except ModuleNotFoundError as error:
        raise MissingLibraryError(
            f"The driver for {driver} is missing ({error}). "
            'Run: pip install sqlalchemy "psycopg[binary]"'
        ) from error
    except (sqlalchemy.exc.SQLAlchemyError, ValueError, TypeError, ArithmeticError) as error:
        raise SourceError(
            f"cannot read the {driver} database ({first_line(error)}). "
            "Check the URL, the rights, that the server runs, and the values of the table."
        ) from error
    arrays, kinds = [], {}
    for name, cells in zip(names, columns, strict=True):
        array, found = to_array(cells)
        arrays.append(array)
        if found is not None:
            kinds[name] = found
    origin = f"{driver} table {table}"
    return Raw(pa.Table.from_arrays(arrays, names=names), origin, kinds=kinds, rows=Rows(origin))


def _query(
    sqlalchemy: Any, url: str, table: str | None, since: tuple[str, datetime] | None
) -> tuple[list[str], Cells]:
    target = sqlalchemy.engine.make_url(url)
    if target.get_backend_name() == "sqlite":
        _check_file(target.database)
    engine = sqlalchemy.create_engine(target)
    try:
        with engine.connect() as connection:
            chosen = _table(sqlalchemy, connection, table)
            loose = engine.dialect.name == "sqlite"
            query = _untyped(sqlalchemy, chosen) if loose else sqlalchemy.select(chosen)
            if since is not None and since[0] in chosen.columns:
                column = chosen.columns[since[0]]
                bare = sqlalchemy.column(column.name) if loose else column
                query = query.where(_changed(sqlalchemy, bare, since[1], loose))
            result = connection.execute(query)
            names = [str(column.name) for column in chosen.columns]
            rows = [tuple(row) for row in result]
    finally:
        engine.dispose()
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in names]
    if loose:
        columns = [_declared(c, cells) for c, cells in zip(chosen.columns, columns, strict=True)]
    return names, columns


def _changed(sqlalchemy: Any, column: Any, since: datetime, loose: bool) -> Any:
    """Ask for the rows that changed since an instant; those that do not say when come too."""
    moment: Any = since.astimezone(UTC)
    text = (moment - timedelta(days=1)).date().isoformat()  # whatever zone the text is in
    if loose or not isinstance(column.type, sqlalchemy.DateTime):
        later = sqlalchemy.cast(column, sqlalchemy.Text) >= text
    else:
        later = column >= (moment if column.type.timezone else moment.replace(tzinfo=None))
    return sqlalchemy.or_(column.is_(None), later)


def _check_file(database: str | None) -> None:
    """Refuse a SQLite file that is not there: connecting would make an empty one."""
    if not database or database == ":memory:" or database.startswith("file:"):
        return
    try:
        there = Path(database).is_file()
    except OSError:
        there = False
    if not there:
        raise SourceError(
            f"cannot read the sqlite database: there is no file {database}. Correct the URL "
            "(three slashes before a relative path, four before an absolute one)."
        )


def _untyped(sqlalchemy: Any, chosen: Any) -> Any:
    """Select without declared types: SQLite holds any value in any column, and so may we."""
    bare = sqlalchemy.table(
        chosen.name, *[sqlalchemy.column(c.name) for c in chosen.columns], schema=chosen.schema
    )
    return sqlalchemy.select(bare)


def _declared(column: Any, cells: Sequence[Any]) -> list[Any]:
    """Read 0 and 1 as false and true where SQLite was told that they are."""
    boolean = str(column.type).upper().startswith("BOOL")
    if boolean and all(cell is None or (type(cell) is int and cell in (0, 1)) for cell in cells):
        return [None if cell is None else bool(cell) for cell in cells]
    return list(cells)


def _table(sqlalchemy: Any, connection: Any, table: str | None) -> Any:
    inspector = sqlalchemy.inspect(connection)
    found = [*inspector.get_table_names(), *inspector.get_view_names()]
    if table in found:
        return sqlalchemy.Table(table, sqlalchemy.MetaData(), autoload_with=connection)
    schema, _, name = (table or "").rpartition(".")
    if schema in inspector.get_schema_names():
        inside = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        if name in inside:
            metadata = sqlalchemy.MetaData(schema=schema)
            return sqlalchemy.Table(name, metadata, autoload_with=connection)
    if not found:
        raise SourceError("the database holds no table. Check that the URL names the right one.")
    problem = f"has no table {table!r}" if table else "needs the name of a table"
    raise SourceError(f"the database {problem}; found {quoted(found)}. Pass table='...'.")
