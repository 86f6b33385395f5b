"""Write kaplan_meier.json. Needs lifelines, which asks for an older pandas than the package does.

Run in an environment of its own: python make_kaplan_meier.py
"""

import json
from pathlib import Path

import numpy as np


def main():
    import lifelines

    rng = np.random.default_rng(20)
    cases = []
    for n, digits in ((6, 0), (40, 0), (40, 1), (150, 3)):
        days, event = np.round(rng.exponential(10, n), digits), rng.random(n) < 0.6
        fit = lifelines.KaplanMeierFitter(alpha=0.1).fit(days, event)
        time = np.unique(days)
        band = fit.confidence_interval_.loc[time].to_numpy()
        median = float(fit.median_survival_time_)
        cases.append(
            {
                "duration": days.tolist(),
                "event": event.tolist(),
                "time": time.tolist(),
                "survival": fit.survival_function_at_times(time).tolist(),
                "lower": [None if np.isnan(x) else x for x in band[:, 0].tolist()],
                "upper": [None if np.isnan(x) else x for x in band[:, 1].tolist()],
                "median": None if np.isinf(median) else median,
            }
        )
    target = Path(__file__).parent / "kaplan_meier.json"
    target.write_text(json.dumps({"lifelines": lifelines.__version__, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
