"""``python -m mmm.simulate FOLDER``: write the small company that the package ships."""

import argparse
from pathlib import Path

from mmm.simulate.company import Company, simulate_company
from mmm.simulate.export import write_hashes


def shipped_company() -> Company:
    """Simulate the company whose tables are in ``datasets/``."""
    return simulate_company(n_accounts=250, weeks=104, seed=8, start="2024-01-01")


def main(arguments: list[str] | None = None) -> None:
    """Write the tables, the truth and the hashes into a folder."""
    parser = argparse.ArgumentParser(
        prog="python -m mmm.simulate", description="Write the synthetic company of datasets/."
    )
    parser.add_argument("folder", type=Path, help="where to write; created if needed")
    folder: Path = parser.parse_args(arguments).folder
    files = shipped_company().to_csv(folder)
    for path in [*files, write_hashes(folder, files)]:
        print(path)


if __name__ == "__main__":
    main()
