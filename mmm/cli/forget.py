"""`mmm forget`: a person taken out of what lies here."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mmm.cli.options import Json
from mmm.cli.score_run import LEDGER, open_system
from mmm.cli.shell import notes, print_json
from mmm.errors import ConfigError, counted

_MODEL, _REGISTRY = "model.json", "registry.json"


def forget(
    lead: Annotated[str, typer.Argument(help="The id of the lead.")],
    also: Annotated[
        list[str] | None, typer.Option(help="Another word for the person, such as an address.")
    ] = None,
    ledger: Annotated[
        list[Path] | None, typer.Option(help=f"A ledger; by default {LEDGER} here.")
    ] = None,
    model: Annotated[
        list[Path] | None, typer.Option(help="A folder of a model; by default those here.")
    ] = None,
    to: Annotated[
        list[str] | None, typer.Option(help="A system where the scores are emptied too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Forget a lead."""
    from mmm.run.forgetting import empty_lead, forget_lead, left_alone

    here = Path()
    ledgers = ledger or [path for path in [here / LEDGER] if _there(path)]
    found = (path.parent for name in (_MODEL, _REGISTRY) for path in here.glob(f"*/{name}"))
    folders = model or sorted(set(found))
    if absent := [path for path in ledgers if not _there(path)]:
        raise ConfigError(f"there is no ledger {absent[0]}. Name one that is there.")
    if not ledgers and not folders:
        raise ConfigError(
            f"there is neither {LEDGER} nor a model here. Name them with --ledger and --model."
        )
    emptied = {}
    for text in to or []:  # first of all: afterwards nothing knows that it was written there
        target = open_system(text)
        emptied[target.name] = empty_lead(target, lead)
    looks = forget_lead(lead, ledgers, folders, also or [])
    others = left_alone(here, looks, [lead, *(also or [])])
    kept = [look for look in looks if not look.removed]
    if as_json:
        print_json(_content(emptied, looks, others))
    else:
        _say(emptied, looks, others)
    if others:
        notes.print(
            f"note: not touched: {counted(len(others), 'file')} below this folder with one of "
            f"these words, or that cannot be read, such as {others[0].file}. Take the person out "
            "where the table comes from, and make again, or delete, what was made of it"
        )
    if not (any(emptied.values()) or others or any(look.found for look in looks)):
        words = ", ".join([lead, *(also or [])])
        notes.print(f"note: nothing was found under {words}. Check how it is written")
    for name in sorted({name for look in looks for name in look.systems} - emptied.keys()):
        notes.print(f"note: {name} was given scores of the lead; empty them there, or pass --to")
    if kept:
        raise ConfigError(
            f"{counted(len(kept), 'file')} of models with the person, such as {kept[0].file}: a "
            "value that several leads share is a category. Train again without that lead or that "
            "column, and delete the old folder."
        )


def _content(emptied: dict[str, bool], looks: Sequence[Any], others: Sequence[Any]) -> Any:
    return {
        "looked_at": [
            {"file": look.file, "found": look.found, "removed": look.removed and look.found > 0}
            | ({"hash_kept": True} if look.what == "entries" else {})
            | ({"systems": look.systems} if look.systems else {})
            for look in looks
        ],
        "emptied": emptied,
        "not_touched": [{"file": look.file, "found": look.found or None} for look in others],
    }


def _say(emptied: dict[str, bool], looks: Sequence[Any], others: Sequence[Any]) -> None:
    for name, had in emptied.items():
        print(f"{name}: {'emptied' if had else 'had no scores'}")
    for look in looks:
        print(f"{look.file}: {_told(look)}")
    for look in others:
        print(f"{look.file}: {_untouched(look)}")


def _told(look: Any) -> str:
    """Say what was taken out of a file, or is still in it."""
    if not look.removed:
        return f"found in {counted(look.found, 'place')}, still there"
    said = f"{look.found} {look.what} taken out" if look.found else "nothing found"
    if look.what != "entries":
        return said
    # Of an id that was never seen too: it may stand in the leads of tomorrow.
    stays = "stays" if look.found else "is kept all the same"
    return f"{said}; a keyed hash of the id {stays}, so that later runs leave the lead alone"


def _untouched(look: Any) -> str:
    """Say where a person still stands."""
    if not look.found:
        return "not touched; it cannot be read, look into it by hand"
    return f"not touched; found in {counted(look.found, 'place')}"


def _there(ledger: Path) -> bool:
    """Whether there is a ledger, or what runs that wrote files alone keep beside one."""
    from mmm.run.handed import handed_file

    return ledger.exists() or handed_file(ledger).exists()
