"""How long `import mmm` takes beside `import numpy`: medians of processes run in turn.

The promise is a ratio of at most 1.5. Run it with `make bench`.
"""

import statistics
import subprocess
import sys
import time

ROUNDS = 21
STATEMENTS = {"python": "pass", "numpy": "import numpy", "mmm": "import mmm"}


def seconds(statement: str) -> float:
    """Return the wall time of one fresh interpreter that runs the statement."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def main() -> None:
    """Print the medians and their ratio."""
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(ROUNDS):
        for name, statement in STATEMENTS.items():
            times[name].append(seconds(statement))
    median = {name: statistics.median(values) for name, values in times.items()}
    for name, value in median.items():
        print(f"{name:8} {value * 1000:7.1f} ms")
    print(
        f"import mmm / import numpy: {median['mmm'] / median['numpy']:.2f} (promised: at most 1.5)"
    )


if __name__ == "__main__":
    main()
