"""``python -m mmm.simulate FOLDER``: write the datasets that the package ships."""

import argparse
from pathlib import Path

from mmm.simulate.shipped import write_datasets


def main(arguments: list[str] | None = None) -> None:
    """Write the tables, the truths and the hashes into a folder."""
    parser = argparse.ArgumentParser(
        prog="python -m mmm.simulate", description="Write the synthetic companies of datasets/."
    )
    parser.add_argument("folder", type=Path, help="where to write; created if needed")
    folder: Path = parser.parse_args(arguments).folder
    for path in write_datasets(folder):
        print(path)


if __name__ == "__main__":
    main()
