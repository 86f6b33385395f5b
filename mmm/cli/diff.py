"""`mmm diff`: what changed from one run to the next."""

from pathlib import Path
from typing import Annotated

import typer

from mmm.cli.options import Json
from mmm.cli.shell import print_json
from mmm.errors import ConfigError


def diff(
    before: Annotated[Path, typer.Argument(help="Folder of the earlier run.")],
    after: Annotated[Path, typer.Argument(help="Folder of the later run.")],
    lang: Annotated[str, typer.Option(help="Language of the sentences: en or it.")] = "en",
    as_json: Json = False,
) -> None:
    """Compare two runs."""
    from mmm.run.difference import difference, read_run

    if lang not in ("en", "it"):
        raise ConfigError(f"--lang {lang!r} is unknown. Use en or it.")
    found = difference(read_run(before), read_run(after))
    if as_json:
        changes = [
            {
                "kind": one.kind,
                "name": one.name,
                "before": one.before,
                "after": one.after,
                "beyond": one.beyond,
                "sentence": one.finding.sentence(lang),
            }
            for one in found.changes
        ]
        print_json({"same": found.same, "changes": changes})
        return
    for finding in found.findings():
        print(finding.sentence(lang))
