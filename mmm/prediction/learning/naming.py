"""Names of columns as people read them: our features in words, others without underscores."""

import re

from mmm.wording import entries, say

_RECENT = re.compile(r"n_touches_(\d+)d")


def column_name(name: str, lang: str = "en", *, numeric: bool = True) -> str:
    """Return the name of a column in words, as it stands within a sentence.

    A feature made by `mmm.build_features` has its own words, and columns that most tables of leads
    have are translated. Any other name is one of the company: its underscores become blanks, and a
    sign at its end, as of a question, goes.

    Parameters
    ----------
    name : str
    lang : {"en", "it"}
    numeric : bool, default True
        Whether the column holds numbers, dates or flags. A category of the company may bear the
        name of a feature that counts.

    Examples
    --------
    >>> column_name("job_level"), column_name("Settore"), column_name("n_webinar", "it")
    ('job level', 'Settore', 'webinar seguiti')
    >>> column_name("industry", "it", numeric=False)
    'settore'
    >>> column_name("Ha chiesto una demo?")
    'Ha chiesto una demo'
    >>> column_name("share_Organic Search"), column_name("activity", numeric=False)
    ('share of contacts through Organic Search', 'activity')
    """
    own = _own_name(name, lang, numeric)
    if own is not None:
        return own
    if (key := f"lead_column.{name}") in entries():
        return say(key, lang)
    plain = re.sub(r"_+", " ", name).strip().rstrip("?: ")
    return plain or name


def opening_name(name: str, lang: str = "en", *, numeric: bool = True) -> str:
    """Return the name of a column as it opens a sentence: only our own words get a capital.

    Examples
    --------
    >>> opening_name("is_sql"), opening_name("job_level")
    ('Accepted by sales (SQL)', 'job level')
    """
    said = column_name(name, lang, numeric=numeric)
    if _own_name(name, lang, numeric) is None:
        return said
    return said[0].upper() + said[1:]


def is_own(name: str) -> bool:
    """Whether a column of numbers is a feature of ours.

    Examples
    --------
    >>> is_own("days_since_webinar"), is_own("employees")
    (True, False)
    """
    return _own_name(name, "en", numeric=True) is not None


def is_step(name: str) -> bool:
    """Whether a feature of ours says yes or no as 1 or 0.

    Examples
    --------
    >>> is_step("is_sql"), is_step("is_big")
    (True, False)
    """
    return name.startswith(("is_", "was_")) and f"feature.{name}" in entries()


def _own_name(name: str, lang: str, numeric: bool) -> str | None:
    """Return the words of a feature of ours, or none."""
    if not numeric:
        key = f"feature_text.{name}"
        return say(key, lang) if name != "recent" and key in entries() else None
    if name != "share" and f"feature.{name}" in entries():
        return say(f"feature.{name}", lang)
    if recent := _RECENT.fullmatch(name):
        return say("feature_text.recent", lang, days=int(recent[1]))
    if name.startswith("share_") and len(name) > len("share_"):
        shared = say("feature.share", lang, channel=name.removeprefix("share_"))
        return shared[0].lower() + shared[1:]
    return None
