"""The companies in reach: who they are, what their lead would look like, how they would decide."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmm.simulate.draws import Bools, Floats, Ints, between, categories, spread
from mmm.simulate.settings import Settings

INDUSTRIES = ("machinery", "food", "packaging", "automotive", "chemicals", "logistics")
COUNTRIES = ("IT", "DE", "FR", "ES")
REGIONS = ("Lombardia", "Veneto", "Emilia-Romagna", "Piemonte", "Toscana", "Lazio")
LEVELS = ("owner", "director", "manager", "specialist")
MAIL_KINDS = ("company", "free")

_FIELD_SHARE = 0.06
# Part of the history after which an account comes into reach, drawn evenly; below 0 counts as 0.
_ENTRY = (-0.35, 0.9)

# The logistic truth: log odds of a won deal by what the CRM can see when the lead comes in.
COEFFICIENTS: dict[str, float] = {
    "intercept": -2.2,
    "log_employees": 0.30,  # per unit of log(employees / 60)
    "industry=packaging": 0.6,
    "industry=food": 0.3,
    "industry=logistics": -0.5,
    "abroad": -0.4,
    "job_level=owner": 0.4,
    "job_level=director": 0.5,
    "job_level=specialist": -0.6,
    "email_kind=free": -0.9,
    "pages_viewed": 0.05,  # per page
    "price_page": 0.6,
    "demo_request": 1.0,
    "field_sales": 1.5,
}
INTENT_LOGIT = 0.9


@dataclass(frozen=True)
class Accounts:
    """Companies in reach, one position each, arrays of shape (n_accounts,).

    Attributes
    ----------
    industry, country, region, level, mail_kind : int codes
        Positions in `INDUSTRIES`, `COUNTRIES`, `REGIONS` (-1 abroad), `LEVELS`, `MAIL_KINDS`.
    employees, n_people, pages : int
        Head count, known people (1-4), pages viewed when the lead comes in.
    price_page, demo_request, newsletter : bool
        Behaviour on the web site.
    field : bool
        Served by field sales alone: marketing never reaches it.
    reach : float
        Multiplier of the rate of marketing touches, mean about 1.
    entry_days : float
        Day on which the account comes into reach; 0 for those there from the start.
    intent : float
        Hidden buying intent, standard normal.
    cycle_days : float
        Days from lead to decision.
    value : float
        Value of the first deal in euros, whole cents.
    """

    industry: Ints
    country: Ints
    region: Ints
    level: Ints
    mail_kind: Ints
    employees: Ints
    n_people: Ints
    pages: Ints
    price_page: Bools
    demo_request: Bools
    newsletter: Bools
    field: Bools
    reach: Floats
    entry_days: Floats
    intent: Floats
    cycle_days: Floats
    value: Floats

    @property
    def n(self) -> int:
        """Number of accounts."""
        return int(self.reach.size)

    @property
    def first_person(self) -> Ints:
        """Position of each account's first person, shape (n_accounts,)."""
        return np.asarray(np.cumsum(self.n_people) - self.n_people, dtype=np.int64)


def draw_accounts(settings: Settings) -> Accounts:
    """Draw the companies in reach."""
    n = settings.n_accounts
    rng, web = settings.rng("accounts"), settings.rng("features")
    country = categories(rng, (0.80, 0.08, 0.07, 0.05), n)
    region = categories(rng, (0.30, 0.20, 0.18, 0.14, 0.10, 0.08), n)
    employees = np.clip(np.rint(spread(rng, 60.0, 1.0, n)), 5, 3_000).astype(np.int64)
    return Accounts(
        industry=categories(rng, (0.26, 0.20, 0.16, 0.14, 0.12, 0.12), n),
        country=country,
        region=np.where(country == 0, region, -1),
        level=categories(web, (0.15, 0.25, 0.35, 0.25), n),
        mail_kind=categories(web, (0.82, 0.18), n),
        employees=employees,
        n_people=1 + categories(rng, (0.25, 0.35, 0.25, 0.15), n),
        pages=1 + web.poisson(5.0, n),
        price_page=web.random(n) < 0.35,
        demo_request=web.random(n) < 0.22,
        newsletter=web.random(n) < 0.45,
        field=rng.random(n) < _FIELD_SHARE,
        reach=spread(rng, 0.9, 0.5, n),
        entry_days=np.maximum(between(rng, *_ENTRY, n), 0.0) * settings.horizon_days,
        intent=rng.standard_normal(n),
        cycle_days=np.clip(spread(rng, 132.0, 0.42, n), 35.0, 420.0),
        value=np.round(spread(rng, 16_000.0, 0.6, n) * (employees / 60.0) ** 0.3, 2),
    )


def feature_logit(accounts: Accounts) -> Floats:
    """Log odds of winning by the features that the CRM holds, shape (n_accounts,)."""
    weight = COEFFICIENTS
    logit = np.full(accounts.n, weight["intercept"])
    logit += weight["log_employees"] * np.log(accounts.employees / 60.0)
    logit += weight["abroad"] * (accounts.country > 0)
    logit += weight["pages_viewed"] * accounts.pages
    logit += weight["price_page"] * accounts.price_page
    logit += weight["demo_request"] * accounts.demo_request
    logit += weight["field_sales"] * accounts.field
    logit += _by_category("industry", INDUSTRIES)[accounts.industry]
    logit += _by_category("job_level", LEVELS)[accounts.level]
    logit += _by_category("email_kind", MAIL_KINDS)[accounts.mail_kind]
    return logit


def _by_category(feature: str, names: tuple[str, ...]) -> NDArray[np.float64]:
    return np.array([COEFFICIENTS.get(f"{feature}={name}", 0.0) for name in names])
