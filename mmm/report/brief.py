"""The brief: one self-contained page that says what to do with the budget, and whom to call.

The page loads nothing and sends nothing: its policy allows one style sheet, and where there is a
budget to try one script, both known by their hash. What comes from the user's tables is escaped and
set apart with ``<bdi>``.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from mmm import wording
from mmm.report.content import gather
from mmm.report.editions import sections_of
from mmm.report.material import Brief
from mmm.report.names import clean, label, prose, said
from mmm.tables.write import replaced

__all__ = ["Brief", "fill", "render_brief", "template", "write_brief", "write_page"]


def render_brief(brief: Brief, lang: str = "en", edition: str = "monthly") -> str:
    """Write the page as HTML.

    Parameters
    ----------
    brief : Brief
        What to show.
    lang : {"en", "it"}
        Language of the page.
    edition : {"weekly", "monthly", "quarterly"}
        Weekly for the team: leads, calls and records. Monthly for management: everything.
        Quarterly for the board: money, and what the data cannot say. The first page is in all.

    Returns
    -------
    str
        A complete HTML document that refers to nothing outside itself.

    Examples
    --------
    >>> import pandas as pd
    >>> from datetime import date
    >>> credit = pd.DataFrame({
    ...     "model": "markov", "channel": ["webinar", "fair"], "credit": [300.0, 100.0],
    ...     "share": [0.75, 0.25], "lower": [0.6, 0.1], "upper": [0.9, 0.4], "n_deals": [3, 2],
    ... })
    >>> period = (date(2025, 1, 1), date(2025, 6, 30))
    >>> page = render_brief(Brief("Acme", date(2025, 7, 3), period, credit), lang="it")
    >>> "webinar</bdi> è il canale con la quota più alta" in page
    True
    """
    content = gather(brief, sections_of(edition), lang)
    title = wording.say(f"edition.{edition}", lang, as_of=brief.as_of)
    return fill("brief.html", {"title": title, "company": brief.company, **content}, lang)


def fill(page: str, content: Mapping[str, Any], lang: str) -> str:
    """Fill a template of the report with texts.

    Parameters
    ----------
    page : str
        Name of the template.
    content : mapping
        What it shows; `company` is escaped here.
    lang : {"en", "it"}
    """
    style, script = template("brief.css"), template("whatif.js")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(template),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shared = {
        "lang": lang,
        "style": Markup(style),
        "style_hash": _digest(style),
        "script": Markup(script),
        "script_hash": _digest(script),
        "t": partial(said, lang=lang),
        "name": partial(label, "channel", lang=lang),
        "label": partial(label, lang=lang),
        "prose": prose,
        "known": lambda group, name: f"{group}.{name}" in wording.entries(),
    }
    company = clean(str(content["company"]), lang)
    return environment.get_template(page).render({**shared, **content, "company": company})


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def template(name: str) -> str:
    """Return a file of the templates, with line feeds: it is hashed as the browser reads it."""
    source = resources.files("mmm.report").joinpath("templates").joinpath(name)
    return source.read_text(encoding="utf-8").replace("\r\n", "\n")


def write_brief(brief: Brief, path: str | Path, lang: str = "en", edition: str = "monthly") -> Path:
    """Write the page to a file, in UTF-8; see `render_brief`.

    Raises
    ------
    SourceError
        If the file cannot be written.
    """
    return write_page(render_brief(brief, lang, edition), path)


def write_page(page: str, path: str | Path) -> Path:
    """Write a page to a file, in UTF-8.

    Raises
    ------
    SourceError
        If the file cannot be written.
    """
    target = Path(path)
    with replaced(target) as part:
        part.write_bytes(page.encode())
    return target
