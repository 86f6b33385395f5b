"""The companies whose tables the package ships: which ones, and how their files are written."""

from pathlib import Path
from typing import Any

from mmm.simulate.company import Company, simulate_company
from mmm.simulate.confounded import confounded_market
from mmm.simulate.export import write_company, write_hashes, write_truth
from mmm.simulate.italian import ZONE, write_italian
from mmm.simulate.shop import online_shop


def shipped_company() -> Company:
    """Simulate the company whose tables lie in ``datasets/`` itself."""
    return simulate_company(n_accounts=250, weeks=104, seed=8, start="2024-01-01")


def write_datasets(folder: Path) -> list[Path]:
    """Write every dataset, its truth and the hashes.

    Parameters
    ----------
    folder : Path
        Gets the small company; the others get a folder in it each.

    Returns
    -------
    list of Path
        The files; the hashes last.
    """
    company = shipped_company()
    files = company.to_csv(folder)
    for name, simulated in (("confounded", confounded_market()), ("shop", online_shop())):
        files += write_company(folder / name, *simulated)
    inside = folder / "dirty_italian"
    written, dirt = write_italian(inside, company)
    files += [*written, write_truth(inside / "truth.json", _dirty_truth(company, dirt))]
    return [*files, write_hashes(folder, sorted(files))]


def _dirty_truth(company: Company, dirt: dict[str, Any]) -> dict[str, Any]:
    """Return what grades need of the same company, and what was done to its tables."""
    whole = company.truth.to_dict()
    kept = ("settings", "currency", "expected_won_value", "baseline_share", "channels")
    return {"same_company_as": "small", "tz": ZONE, "dirt": dirt} | {
        name: whole[name] for name in (*kept, "channel_map")
    }
