"""Headings: how far the name of a column, or of a file, says what is in it."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path

# Below this a name says too little to be written down as a guess.
ENOUGH = 0.45
_OF = re.compile(r"^(deal|lead|person|organization|activity|trattativa) - ", re.I)  # of Pipedrive
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def plain(name: str) -> str:
    """Write a name in small words: no accents, no punctuation, camel case taken apart.

    Examples
    --------
    >>> plain("CloseDate"), plain("Data di chiusura"), plain("Amount spent (EUR)")
    ('close date', 'data di chiusura', 'amount spent eur')
    """
    apart = _CAMEL.sub(" ", name)
    bare = unicodedata.normalize("NFKD", apart).encode("ascii", "ignore").decode()
    return " ".join(re.findall(r"[a-z0-9]+", bare.lower()))


@cache
def vocabulary() -> Mapping[str, Mapping[str, tuple[tuple[str, str], ...]]]:
    """Return what columns are called: table, our name, and pairs of (their name, language)."""
    source = resources.files("mmm.run.guess").joinpath("headings.toml")
    tables = tomllib.loads(source.read_text(encoding="utf-8"))
    return {
        table: {
            ours: tuple(
                (plain(name), lang) for lang in ("en", "it") for name in names[lang].split(",")
            )
            for ours, names in fields.items()
        }
        for table, fields in tables.items()
        if table != "files"
    }


@cache
def _file_words() -> Mapping[str, tuple[str, ...]]:
    source = resources.files("mmm.run.guess").joinpath("headings.toml")
    files = tomllib.loads(source.read_text(encoding="utf-8"))["files"]
    return {
        table: tuple(plain(word) for word in words.split(",")) for table, words in files.items()
    }


def heading_score(table: str, ours: str, heading: str) -> tuple[float, str]:
    """Say how far a heading names one of our columns, and in which language.

    Returns
    -------
    float
        1 and a little less for a name of the list, by its place there; at most 0.7 for a heading
        that holds one; 0 for none.
    str
        "en", "it", or "" where the name is the package's own or says nothing.

    Examples
    --------
    >>> heading_score("deals", "closed_at", "Data chiusura")
    (1.0, 'it')
    >>> heading_score("spend", "spend", "Importo speso (EUR)")[0] > ENOUGH
    True
    >>> heading_score("deals", "value", "Telefono")
    (0.0, '')
    """
    words = plain(_OF.sub("", heading))
    if words == plain(ours):
        return 1.1, ""
    best, language = 0.0, ""
    ranks = {"en": 0, "it": 0}
    for name, lang in vocabulary()[table][ours]:
        rank = ranks[lang]
        ranks[lang] += 1
        score = 0.0
        if words == name or words.replace(" ", "") == name.replace(" ", ""):  # "dealstage"
            score = 1.0 - 0.02 * rank
        elif len(name) > 3 and f" {name} " in f" {words} ":
            score = 0.7 * (len(name.split()) / len(words.split())) ** 0.5 - 0.02 * rank
        if score > best:
            best, language = score, lang
    return best, language


def file_score(table: str, file: str) -> float:
    """Say how far the name of a file or sheet says that it is a table: 1 as such, 0.5 in part.

    Examples
    --------
    >>> file_score("deals", "Trattative_2024.csv"), file_score("deals", "crm.xlsx#Deals 2024")
    (1.0, 1.0)
    >>> file_score("spend", "deals.csv")
    0.0
    """
    name = Path(file).name
    words = plain(re.sub(r"\d+", " ", name.partition("#")[2] or name.partition(".")[0]))
    hits = [name for name in _file_words()[table] if f" {name} " in f" {words} "]
    if not hits:
        return 0.0
    return 1.0 if words in hits else 0.5


PLATFORMS = {"google": "Paid search", "meta": "Paid social", "linkedin": "Paid social"}


def is_platform(file: str, headings: tuple[str, ...]) -> str:
    """Name the advertising platform that wrote a file, by its name and headings; "" for none.

    Examples
    --------
    >>> is_platform("export.csv", ("Campaign name", "Amount spent (EUR)", "Reporting starts"))
    'meta'
    """
    words, heads = plain(Path(file).stem), {plain(name) for name in headings}
    if "meta" in words or "facebook" in words or heads & {"reporting starts", "inizio dei report"}:
        return "meta"
    if "linkedin" in words or heads & {"campaign group name", "start date in utc"}:
        return "linkedin"
    if "google" in words or "adwords" in words or {"avg cpc", "cpc medio"} & heads:
        return "google"
    return ""
