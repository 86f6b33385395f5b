"""The tables of a company as an Italian CRM exports them: the dirt that real exports have."""

import csv
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmm.simulate.company import Company
from mmm.simulate.draws import Ints

ZONE = "Europe/Rome"
_SEED = 6
_TYPED_AGAIN = 0.04  # part of the deals and contacts that stand twice
_SPELLINGS = {
    "google": ("google", "Google", "google "),
    "linkedin": ("linkedin", "LinkedIn"),
    "newsletter": ("newsletter", "Newsletter"),
    "event": ("event", "fiera"),
}
_OUTCOMES = {True: "Vinta", False: "Persa"}
_KINDS = {"new": "Nuovo cliente", "expansion": "Ampliamento", "renewal": "Rinnovo"}
_STAGES = {
    "qualification": "Qualifica",
    "proposal": "Proposta",
    "negotiation": "Trattativa",
    "won": "Vinta",
    "lost": "Persa",
}
_OWNERS = {
    "TEAM-NORTH": "Funzionario Nord",
    "TEAM-CENTRE": "Funzionario Centro",
    "TEAM-SOUTH": "Funzionario Sud e Unità isole",
}
Row = dict[str, str]


def write_italian(folder: Path, company: Company) -> tuple[list[Path], dict[str, Any]]:
    """Write deals, leads, touches, spend and contacts of a company, dirty.

    Parameters
    ----------
    folder : Path
        Created where it does not exist.
    company : Company

    Returns
    -------
    files : list of Path
    dirt : dict
        What was done to the tables: how many rows each kind of dirt has.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([_SEED, 3])))
    deals, n_deals = _typed_again(rng, _deals(company), _earlier_deal)
    contacts, n_contacts = _typed_again(rng, _contacts(company), _earlier_contact)
    touches, n_spelt = _touches(rng, company)
    leads, n_blank = _leads(company)
    written = {
        # What each program writes: the CRM in the code page of Windows, the others in UTF-8.
        "trattative.csv": ([*deals, _sum(deals, "ID trattativa", "Importo")], "cp1252"),
        "lead.csv": (leads, "utf-8-sig"),
        "attivita.csv": (touches, "utf-8"),
        "contatti.csv": (contacts, "utf-8"),
        "spesa.csv": (_with_sum(_spend(company)), "utf-8"),
    }
    files = [_write(folder / name, rows, code) for name, (rows, code) in written.items()]
    dirt = {
        "deals_twice": n_deals,
        "contacts_twice": n_contacts,
        "rows_of_totals": 2,
        "sources_spelt_otherwise": n_spelt,
        "lead_sources_with_a_placeholder": n_blank,
    }
    return files, dirt


def italian_money(amount: Decimal) -> str:
    """Write an amount as Italy does.

    Examples
    --------
    >>> italian_money(Decimal("12345.5"))
    '12.345,50'
    """
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


def _day(instant: Any) -> str:
    return "" if pd.isna(instant) else f"{instant.tz_convert(ZONE):%d/%m/%Y}"


def _minute(instant: Any) -> str:
    return "" if pd.isna(instant) else f"{instant.tz_convert(ZONE):%d/%m/%Y %H:%M}"


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _deals(company: Company) -> list[Row]:
    rows = []
    for deal in _records(company.deals):
        is_open = pd.isna(deal["won"])
        closes = deal["expected_on"].strftime("%d/%m/%Y") if is_open else _day(deal["closed_at"])
        rows.append(
            {
                "ID trattativa": deal["deal_id"],
                "ID contatto": _text(deal["person_id"]),
                "Codice azienda": _text(deal["account_id"]),
                "Data creazione": _minute(deal["created_at"]),
                "Data chiusura": closes,
                "Esito": "Aperta" if is_open else _OUTCOMES[bool(deal["won"])],
                "Importo": f"{italian_money(deal['value'])} €",
                "Tipo": _KINDS[deal["kind"]],
                "Fase": _STAGES[deal["stage"]],
                "Proprietario": _OWNERS.get(deal["owner"], _text(deal["owner"])),
            }
        )
    return rows


def _leads(company: Company) -> tuple[list[Row], int]:
    rows, blank = [], 0
    for lead in _records(company.leads):
        unknown = pd.isna(lead["source"])
        blank += unknown
        rows.append(
            {
                "ID lead": lead["lead_id"],
                "ID contatto": _text(lead["person_id"]),
                "Codice azienda": _text(lead["account_id"]),
                "Data creazione": _minute(lead["created_at"]),
                "Origine": "n.d." if unknown else lead["source"],
                "Stato lead": _text(lead["stage"]),
                "Data MQL": _minute(lead["mql_at"]),
                "Data SQL": _minute(lead["sql_at"]),
                "Prima chiamata": _minute(lead["first_contacted_at"]),
                "Data fine": _minute(lead["ended_at"]),
                "Motivo scarto": _text(lead["discard_reason"]),
                "Settore": _text(lead["industry"]),
                "Dipendenti": _text(lead["employees"]),
                "Regione": _text(lead["region"]),
                "Pagine viste": _text(lead["pages_viewed"]),
                "Richiesta demo": "Sì" if lead["demo_request"] == 1 else "No",
            }
        )
    return rows, int(blank)


def _touches(rng: np.random.Generator, company: Company) -> tuple[list[Row], int]:
    rows, spelt = [], 0
    draw = rng.random(len(company.touches))
    for touch, chance in zip(_records(company.touches), draw, strict=True):
        source = _text(touch["source"])
        ways = _SPELLINGS.get(source, (source,))
        written = ways[int(chance * len(ways))]
        spelt += written != source
        rows.append(
            {
                "ID contatto": _text(touch["person_id"]),
                "Codice azienda": _text(touch["account_id"]),
                "Data e ora": _minute(touch["touched_at"]),
                "Origine": written,
                "Mezzo": _text(touch["medium"]),
                "Campagna": _text(touch["campaign"]) or "(not set)",
            }
        )
    return rows, spelt


def _contacts(company: Company) -> list[Row]:
    return [
        {
            "ID contatto": row["person_id"],
            "Codice azienda": _text(row["account_id"]),
            "Indirizzo email": _text(row["email"]),
            "Qualifica": _text(row["role"]),
        }
        for row in _records(company.contacts)
    ]


def _spend(company: Company) -> list[Row]:
    return [
        {
            "Settimana": f"{row['date']:%d/%m/%Y}",
            "Canale": row["channel"],
            "Spesa": italian_money(row["spend"]),
        }
        for row in _records(company.spend)
    ]


def _typed_again(
    rng: np.random.Generator, rows: Sequence[Row], earlier: Callable[[Row], Row]
) -> tuple[list[Row], int]:
    """Put an earlier version of some rows before them: exported twice, the last one holds."""
    chosen: Ints = np.flatnonzero(rng.random(len(rows)) < _TYPED_AGAIN)
    twice = {int(position) for position in chosen}
    result: list[Row] = []
    for position, row in enumerate(rows):
        if position in twice:
            result.append(earlier(row))
        result.append(row)
    return result, len(twice)


def _earlier_deal(row: Row) -> Row:
    return row | {"Esito": "Aperta", "Fase": "Proposta"}


def _earlier_contact(row: Row) -> Row:
    return row | {"Indirizzo email": row["Indirizzo email"].upper(), "Qualifica": ""}


def _amount(text: str) -> Decimal:
    return Decimal(text.removesuffix(" €").replace(".", "").replace(",", "."))


def _sum(rows: Sequence[Row], label: str, column: str) -> Row:
    total = sum((_amount(row[column]) for row in rows), Decimal(0))
    suffix = " €" if rows[0][column].endswith("€") else ""
    return dict.fromkeys(rows[0], "") | {label: "Totale", column: italian_money(total) + suffix}


def _with_sum(rows: list[Row]) -> list[Row]:
    return [*rows, _sum(rows, "Settimana", "Spesa")]


def _write(path: Path, rows: Sequence[Mapping[str, str]], encoding: str) -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
    return path
