"""The brief as JSON: every figure, with a schema that programs can rely on."""

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from mmm.report.brief import Brief
from mmm.report.formats.parts import Part, Table, parts_of

SCHEMA_NAME = "mmm.brief/1"

_TEXT: Mapping[str, Any] = {"type": "string"}
_TEXTS: Mapping[str, Any] = {"type": "array", "items": _TEXT}
_COLUMN: Mapping[str, Any] = {
    "type": "object",
    "required": ["name", "title", "kind"],
    "properties": {
        "name": _TEXT,
        "title": _TEXT,
        "kind": {
            "enum": ["text", "money", "cents", "share", "chance", "count", "number", "date", "unit"]
        },
    },
    "additionalProperties": False,
}
_TABLE: Mapping[str, Any] = {
    "type": "object",
    "required": ["name", "title", "columns", "rows"],
    "properties": {
        "name": _TEXT,
        "title": _TEXT,
        "columns": {"type": "array", "items": _COLUMN},
        "rows": {
            "type": "array",
            "items": {"type": "array", "items": {"type": ["string", "number", "null"]}},
        },
    },
    "additionalProperties": False,
}
_PART: Mapping[str, Any] = {
    "type": "object",
    "required": ["name", "title", "sentences", "tables"],
    "properties": {
        "name": _TEXT,
        "title": _TEXT,
        "sentences": _TEXTS,
        "tables": {"type": "array", "items": _TABLE},
    },
    "additionalProperties": False,
}
SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": SCHEMA_NAME,
    "type": "object",
    "required": [
        "schema", "company", "language", "edition", "as_of", "period", "currency", "level",
        "headline", "parts", "manifest",
    ],
    "properties": {
        "schema": {"const": SCHEMA_NAME},
        "company": _TEXT,
        "language": {"enum": ["en", "it"]},
        "edition": {"enum": ["weekly", "monthly", "quarterly"]},
        "as_of": {"type": "string", "format": "date"},
        "period": {"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 2},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "level": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "headline": _TEXT,
        "parts": {"type": "array", "items": _PART},
        "manifest": {"type": "object"},
    },
    "additionalProperties": False,
}  # fmt: skip
"""JSON Schema of the document.

Names (of parts, tables and columns) are the same in every language and stay within a version of the
schema; titles and sentences are for readers. Money is in `currency`, a share is 0 to 1, a ROMI is 0
at break-even, a missing value is null.
"""


def to_json(brief: Brief, lang: str = "en", edition: str = "monthly") -> str:
    """Write a brief as JSON; the same brief gives the same bytes.

    Parameters
    ----------
    brief : Brief
    lang : {"en", "it"}
    edition : {"weekly", "monthly", "quarterly"}

    Returns
    -------
    str
        As `SCHEMA` says.
    """
    content = {
        "schema": SCHEMA_NAME,
        "company": brief.company,
        "language": lang,
        "edition": edition,
        "as_of": brief.as_of.isoformat(),
        "period": [day.isoformat() for day in brief.period],
        "currency": brief.currency,
        "level": brief.level,
        "headline": brief.headline,
        "parts": [_part(part) for part in parts_of(brief, lang, edition)],
        "manifest": json.loads(json.dumps(dict(brief.manifest), default=str)),
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _part(part: Part) -> dict[str, Any]:
    tables = [_table(table) for table in part.tables]
    sentences = list(part.sentences)
    return {"name": part.name, "title": part.title, "sentences": sentences, "tables": tables}


def _table(table: Table) -> dict[str, Any]:
    columns = [{"name": c.name, "title": c.title, "kind": c.kind} for c in table.columns]
    rows = [[_plain(value) for value in row] for row in table.rows]
    return {"name": table.name, "title": table.title, "columns": columns, "rows": rows}


def _plain(value: Any) -> str | int | float | None:
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if not isinstance(value, Decimal) else float(str(value))
