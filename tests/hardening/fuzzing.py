"""Damaged files for the readers: whatever comes in, only an `MmmError` may come out.

A long run by hand, which prints what escaped and with which file:

    PYTHONPATH=. python -m tests.hardening.fuzzing --minutes 10 --seed 1
"""

import argparse
import gzip
import io
import random
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import mmm
from mmm.errors import DataWarning, MmmError

READERS = {
    "touches": mmm.read_touches,
    "deals": mmm.read_deals,
    "leads": mmm.read_leads,
    "spend": mmm.read_spend,
    "costs": mmm.read_costs,
    "contacts": mmm.read_contacts,
    "roles": mmm.read_roles,
    "stages": mmm.read_stages,
}
ROWS = {
    "touches": (
        "touch_id,person_id,account_id,touched_at,channel,cost,currency",
        "T1,P1,A1,2024-03-05T09:30:00Z,Email,1.50,EUR",
        'T2,P2,,2024-03-06T10:00:00Z,"Paid, search",,',
    ),
    "deals": (
        "deal_id,person_id,account_id,created_at,closed_at,won,value,currency,kind",
        "D1,P1,A1,2024-01-31T08:00:00Z,2024-06-01,true,1234.56,EUR,new",
        "D2,P2,A2,2024-02-15T08:00:00Z,,,900.00,EUR,renewal",
    ),
    "leads": (
        "lead_id,person_id,created_at,source,stage,mql_at,employees",
        "L1,P1,2024-01-31T08:00:00Z,google,MQL,2024-02-02T08:00:00Z,12",
        "L2,P2,2024-02-28T23:59:59Z,fiera,new,,",
    ),
    "spend": (
        "date,channel,spend,currency",
        "2024-01-01,Email,10.00,EUR",
        "2024-01-08,Email,12.50,EUR",
        "2024-01-15,Email,0.00,EUR",
    ),
    "costs": ("date,kind,item,cost,currency", "2024-01-01,tools,CRM,100.00,EUR"),
    "contacts": ("person_id,account_id,email,name", "P1,A1,p1@a.example,José Müller"),
    "roles": ("deal_id,person_id,role", "D1,P1,buyer", "D2,P2,user"),
    "stages": ("lead_id,deal_id,stage,entered_at", "L1,,MQL,2024-02-02T08:00:00Z"),
}
TOKENS = (
    *(b'"', b"'", b",", b";", b"\t", b"\r", b"\n", b"\r\n", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf"),
    *(b"NaN", b"inf", b"-inf", b"1e999", b"9" * 40, b"-0", b"1.234,56", b"1.000", b"0x10", b"%"),
    *(b"31/12/2024", b"13/13/2024", b"0000-00-00", b"9999-12-31", b"1677-01-01", b"24:61", b"T25"),
    *(
        b"+99:99",
        b"Z",
        "€".encode(),
        "\u202e".encode(),
        "é".encode(),
        b"\xe9",
        b"\x80",
        b"\xed\xa0",
    ),
    *(b"=1+1", b"<script>", b"None", b"null", b"true", b"vinta", b" ", b"\xc2\xa0", b""),
)
ENDINGS = (".csv", ".csv", ".csv", ".tsv", ".txt", ".csv.gz", ".xlsx", ".parquet")


@dataclass(frozen=True)
class Case:
    """One damaged file and how it is to be read."""

    number: int
    table: str
    ending: str
    locale: str | None
    content: bytes


@dataclass(frozen=True)
class Escaped:
    """What came out that is no `MmmError`."""

    case: Case
    kind: str
    told: str


def cases(seed: int) -> Iterator[Case]:
    """Yield damaged files without end; the same seed, the same files."""
    rng = random.Random(seed)
    number = 0
    while True:
        table, ending = rng.choice(list(READERS)), rng.choice(ENDINGS)
        locale = rng.choice((None, None, "it", "en_GB", "en"))
        yield Case(number, table, ending, locale, _damaged(rng, table, ending))
        number += 1


def attempt(case: Case, folder: Path) -> Escaped | None:
    """Read one file; return what escaped."""
    path = folder / f"case{case.ending}"
    path.write_bytes(case.content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", DataWarning)
            READERS[case.table](path, locale=case.locale)
    except MmmError:
        return None
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)
        ours = [step for step in place if "/mmm/" in step.filename] or place
        line = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
        return Escaped(case, f"{type(error).__name__} at {line}", traceback.format_exc())
    return None


def _damaged(rng: random.Random, table: str, ending: str) -> bytes:
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(1, 2000))
    if ending in {".xlsx", ".parquet"}:
        whole = _binary(rng, table, ending)
        return whole if rng.random() < 0.3 else bytes_hurt(rng, whole)
    lines = [_cells_hurt(rng, line) for line in ROWS[table]]
    content = rng.choice((b"\n", b"\r\n")).join(lines)
    content = content.replace(b",", rng.choice((b",", b",", b";", b"\t", b"|")))
    for _ in range(rng.randrange(3)):
        content = bytes_hurt(rng, content)
    if rng.random() < 0.15:
        content = content.decode("utf-8", "replace").encode(
            rng.choice(("utf-16", "cp1252")), "replace"
        )
    if ending.endswith(".gz"):
        content = gzip.compress(content, mtime=0)
        return content if rng.random() < 0.5 else bytes_hurt(rng, content)
    return content


def _cells_hurt(rng: random.Random, line: str) -> bytes:
    cells = [cell.encode() for cell in line.split(",")]
    if rng.random() < 0.5:
        at = rng.randrange(len(cells))
        how = rng.randrange(4)
        if how == 0:
            cells[at] = rng.choice(TOKENS)
        elif how == 1:
            cells[at] += rng.choice(TOKENS)
        elif how == 2:
            cells.insert(at, cells[rng.randrange(len(cells))])
        else:
            del cells[at]
    return b",".join(cells)


def bytes_hurt(rng: random.Random, content: bytes) -> bytes:
    """Return bytes of which some are lost, repeated, or others."""
    if not content:
        return content
    at = rng.randrange(len(content))
    to = min(len(content), at + rng.randrange(1, 40))
    return rng.choice(
        (
            content[:at],
            content[at:],
            content[:at] + content[to:],
            content[:to] + content[at:],
            content[:at] + rng.choice(TOKENS) + content[at:],
            content[:at] + rng.randbytes(to - at) + content[to:],
            content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :],
        )
    )


def _binary(rng: random.Random, table: str, ending: str) -> bytes:
    frame = pd.read_csv(io.StringIO("\n".join(ROWS[table])), keep_default_na=False).astype(object)
    for _ in range(rng.randrange(3)):
        row, column = rng.randrange(len(frame)), rng.randrange(frame.shape[1])
        strange = (None, True, -1, 2**70, 1e300, float("nan"), "x" * 50, "=1+1", "31/12/2024")
        frame.iat[row, column] = rng.choice(strange)
    if rng.random() < 0.2:
        frame.columns = [rng.choice(("", "a", str(name))) for name in frame.columns]
    stream = io.BytesIO()
    if ending == ".xlsx":
        frame.to_excel(stream, index=False)
        return stream.getvalue()
    unique = frame.astype(str)
    unique.columns = [f"{name}{place}" if frame.columns.duplicated()[place] else str(name)
                      for place, name in enumerate(frame.columns)]  # fmt: skip
    unique.to_parquet(stream)
    return stream.getvalue()


def main() -> None:
    """Try files for some minutes and print what escaped, one of each kind."""
    parser = argparse.ArgumentParser(prog="python -m tests.hardening.fuzzing")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    ends, tried, escaped = time.monotonic() + 60 * asked.minutes, 0, Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(asked.seed):
            if time.monotonic() > ends:
                break
            tried += 1
            found = attempt(case, Path(folder))
            if found is not None:
                escaped[found.kind] += 1
                if escaped[found.kind] == 1:
                    print(f"seed {asked.seed} case {case.number} {case.table}{case.ending}")
                    print(f"locale {case.locale}\n{case.content[:600]!r}\n{found.told}", flush=True)
    print(f"{tried} files, {sum(escaped.values())} uncaught errors: {dict(escaped)}")


if __name__ == "__main__":
    main()
