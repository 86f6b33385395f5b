"""Leads, touches and deals from the tables of a database; see `mmm.crm.sql.target`."""

import pandas as pd

from mmm.crm.source import Extract, Mark, extract
from mmm.crm.sql.place import Place
from mmm.errors import ConfigError, quoted
from mmm.tables.database import load_database


class SqlSource:
    """Tables ``leads``, ``touches`` and ``deals`` of a database.

    Where a table has a column of the last change, only new and changed rows are asked for. A text
    column, and any column of SQLite, has to hold ISO 8601.

    Parameters
    ----------
    place : Place
    """

    def __init__(self, place: Place) -> None:
        self.name = place.name
        self._place = place

    def read_leads(self, since: Mark | None = None) -> Extract:
        """Read leads."""
        return self._read("leads", since)

    def read_touches(self, since: Mark | None = None) -> Extract:
        """Read touches."""
        return self._read("touches", since)

    def read_deals(self, since: Mark | None = None) -> Extract:
        """Read deals."""
        return self._read("deals", since)

    def close(self) -> None:
        """Do nothing: each reading has its own connection."""

    def _read(self, which: str, since: Mark | None) -> Extract:
        options = self._place.options
        updated = options.get("updated", "updated_at")
        asked = None if since is None else (updated, since.floor)
        url = self._place.url.render_as_string(hide_password=False)
        raw = load_database(url, options.get(which, which), since=asked)
        if "updated" in options and updated not in raw.table.column_names:
            raise ConfigError(
                f"the table of {which} has no column {updated!r}; found "
                f"{quoted(raw.table.column_names, 20)}. Correct updated=."
            )
        frame: pd.DataFrame = raw.table.to_pandas(types_mapper=pd.ArrowDtype)
        return extract(frame, since, updated=updated)
