"""Damaged settings and damaged models: whatever is read, only an `MmmError` may come out.

A long run by hand, which prints what escaped:

    PYTHONPATH=. python -m tests.hardening.fuzzing_models --minutes 5 --seed 1

Half of the damaged models get true checksums again, as somebody who altered one would give them:
then what is inside has to be refused, not the sum.
"""

import argparse
import json
import random
import shutil
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmm.errors import MmmError, MmmWarning
from mmm.prediction import LeadScorer
from mmm.run import load_config
from mmm.tables.sealed import as_bytes, checksum
from tests.hardening.fuzzing import bytes_hurt

SETTINGS = """[company]
name = "Rossi S.p.A."
language = "it"
[deals]
source = "trattative.csv"
locale = "it"
tz = "Europe/Rome"
columns = { deal_id = "ID trattativa", closed_at = "Data chiusura", won = "Esito" }
won_values = { "Vinta" = true, "Persa" = false }
on_duplicate = "last"
[touches]
source = "attivita.csv"
[spend]
source = "spesa.csv"
[channels]
names = { "Adwords" = "Paid search" }
rules = [{ channel = "Fairs", source = "fiera*" }]
[journeys]
by = "account"
lookback_days = 180
[funnel]
margin = 0.4
[mix]
enabled = true
[scoring]
enabled = false
"""
VALUES = (
    *("nan", "inf", "-inf", "1e999", "-1", "0", "true", '""', "[]", "{}", "[[[]]]", "9" * 30),
    *(
        '"it"',
        '"../../etc/passwd"',
        "1979-05-27",
        "07:32:00",
        "0.4",
        '"\\u202e"',
        "'''x'''",
        "0xff",
    ),
    *('["a", 1]', "{ a = { b = 1 } }", '"sqlite:///x#y"', '"postgresql://u:p@[::1"', '"\\u0000"'),
)
STRANGE: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**70, 1e308, float("nan"), "", "x" * 300, [], {}, [[]], {"a": 1}, "NaN"),
)


def damaged_settings(rng: random.Random) -> bytes:
    """Return an mmm.toml with some things wrong."""
    lines = SETTINGS.splitlines()
    for _ in range(rng.randrange(1, 4)):
        at, how = rng.randrange(len(lines)), rng.randrange(5)
        key = lines[at].split(" = ")[0]
        if how == 0 and " = " in lines[at]:
            lines[at] = f"{key} = {rng.choice(VALUES)}"
        elif how == 1:
            del lines[at]
        elif how == 2:
            lines.insert(at, rng.choice(lines))
        elif how == 3:
            lines.insert(at, f"{key.strip('[]')} = {rng.choice(VALUES)}")
        else:
            lines[at] = rng.choice(lines[at:])
    content = "\n".join(lines).encode()
    return bytes_hurt(rng, content) if rng.random() < 0.3 else content


def a_model(folder: Path) -> Path:
    """Train a small model and keep it."""
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"size": rng.normal(size=160), "sector": rng.choice(["a", "b"], 160)})
    won = (x["size"] + rng.normal(size=160) > 0).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MmmWarning)
        LeadScorer(seed=0).fit(x, won).save(folder / "model")
    return folder / "model"


def damage_model(rng: random.Random, folder: Path) -> None:
    """Damage one thing in the folder of a model."""
    manifest = folder / "model.json"
    plain = json.loads(manifest.read_text(encoding="utf-8"))
    files = sorted(path for path in folder.iterdir() if path.is_file())
    how = rng.randrange(4)
    if how == 0:
        rng.choice(files).unlink()
    elif how == 1:
        file = rng.choice(files)
        file.write_bytes(bytes_hurt(rng, file.read_bytes()))
    else:
        _put_strange(rng, plain["body"] if how == 2 else plain)
        if rng.random() < 0.8 and isinstance(plain.get("body"), dict):
            plain["body_sum"] = checksum(as_bytes(plain["body"]))
        manifest.write_text(json.dumps(plain), encoding="utf-8")
    if how == 1 and rng.random() < 0.5 and manifest.exists():
        _seal_again(folder)


def _put_strange(rng: random.Random, inside: Any) -> None:
    """Replace or take out one value, at any depth."""
    while True:
        keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
        if not keys:
            return
        key = rng.choice(keys)
        deeper = isinstance(inside[key], dict | list) and inside[key]
        if not deeper or rng.random() < 0.2:
            break
        inside = inside[key]
    if rng.random() < 0.2:
        del inside[key]
    else:
        inside[key] = rng.choice(STRANGE)


def _seal_again(folder: Path) -> None:
    manifest = folder / "model.json"
    try:
        plain = json.loads(manifest.read_bytes())
        plain["files"] = {
            name: checksum((folder / name).read_bytes())
            for name in plain["files"]
            if (folder / name).exists()
        }
        manifest.write_text(json.dumps(plain), encoding="utf-8")
    except (ValueError, KeyError, TypeError, UnicodeDecodeError):
        return


def escaped(read: Callable[[], Any]) -> str:
    """Read something; return the traceback of what is no `MmmError`, "" where nothing escapes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", MmmWarning)
            read()
    except MmmError:
        return ""
    except Exception:
        return traceback.format_exc()
    return ""


def try_settings(rng: random.Random, folder: Path) -> str:
    """Read one damaged mmm.toml."""
    file = folder / "mmm.toml"
    file.write_bytes(damaged_settings(rng))
    told = escaped(lambda: load_config(file))
    return f"{file.read_bytes()!r}\n{told}" if told else ""


def try_model(rng: random.Random, whole: Path, folder: Path) -> str:
    """Load one damaged model."""
    copy = folder / "damaged"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(whole, copy)
    damage_model(rng, copy)
    return escaped(lambda: LeadScorer.load(copy))


def main() -> None:
    """Try for some minutes and print what escaped, one of each kind."""
    parser = argparse.ArgumentParser(prog="python -m tests.hardening.fuzzing_models")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng, seen, tried = random.Random(asked.seed), Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        whole = a_model(folder)
        ends = time.monotonic() + 60 * asked.minutes
        while time.monotonic() < ends:
            for what, told in (
                ("settings", try_settings(rng, folder)),
                ("model", try_model(rng, whole, folder)),
            ):
                tried[what] += 1
                if told:
                    lines = told.strip().splitlines()
                    kind = f"{what}: {lines[-1][:80]}"
                    seen[kind] += 1
                    if seen[kind] == 1:
                        print(told, flush=True)
    print(f"{dict(tried)} tried, {sum(seen.values())} uncaught errors: {dict(seen)}")


if __name__ == "__main__":
    main()
