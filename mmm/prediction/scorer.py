"""Lead scorer: a calibrated probability for each lead, its reasons, and a grade."""

import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from mmm.errors import ConfigError, DataWarning, InputError
from mmm.prediction.blocks import Block, Question, joined, score_blocks, warn_of
from mmm.prediction.card import Card
from mmm.prediction.columns.contract import check_schema, freeze_contract
from mmm.prediction.columns.drift import bin_features
from mmm.prediction.columns.leakage import find_leakage
from mmm.prediction.columns.types import Column, clean_frame, describe_columns, to_frame
from mmm.prediction.handover.grades import grade_by_share
from mmm.prediction.learning.encoding import encode, learn_features
from mmm.prediction.learning.hazard import fit_hazards
from mmm.prediction.learning.histories import WON, read_histories
from mmm.prediction.learning.labels import read_labels
from mmm.prediction.learning.learners import Sample, candidates
from mmm.prediction.learning.model import assemble
from mmm.prediction.learning.reasons import Contributions, contributions, next_grades
from mmm.prediction.learning.rows import Known, cut, known_rows
from mmm.prediction.learning.stacking import choose
from mmm.prediction.scores import LeadScores
from mmm.prediction.storage import Trained, read_model, version_of, write_model
from mmm.prediction.suspects import suspicion

Floats = npt.NDArray[np.float64]

# Columns that describe a lead's life, not the lead: accepted beside the features when scoring.
BESIDE = ("created_at", "ended_at", "outcome")


class LeadScorer(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Calibrated probability that a lead converts, for any frame of mixed columns.

    Logistic regression, naive Bayes, additive boosting and, where it clearly wins, full boosting
    are held out, calibrated and mixed in log-odds (`mmm.prediction.learning.stacking.choose`);
    where none of them says anything, the base rate is the forecast. Columns that know the future
    are refused (`leakage_`). With the dates on which leads came in, what is held out is always
    later than what was trained on, and the recent level is followed. With the dates on which they
    ended, open leads are not taken as lost, probabilities within any number of days are given, and
    `predict_proba` is that of ever being won: within the longest follow-up of training, whatever
    shorter time `y` spoke of.

    Parameters
    ----------
    seed : int
        The same table and seed give the same model, whatever the order of rows and columns.
    allow : collection of str
        Columns used although they look as if they knew the future.
    learner : scikit-learn classifier, optional
        Used in place of the built-in learners, on numbers and indicators; calibrated like them.
    n_folds : int
        Parts that are held out in turn.

    Attributes
    ----------
    classes_ : ndarray, shape (2,)
    leakage_ : pandas.DataFrame
        column, reason, evidence: columns refused or dropped. On arrays without names it only
        reports.
    choice_ : mmm.prediction.learning.stacking.Choice
        Learners, their weights, and how they did on rows held out.
    grades_ : pandas.DataFrame
        grade, from_probability, n, n_won, promised, rate, lower, upper: on rows held out.
    card_ : mmm.prediction.card.Card
        What the model is, what it was trained on, and how well it does.
    drift_bins_ : tuple of mmm.prediction.columns.drift.FeatureBins
        Features as in training, for `mmm.prediction.columns.drift.feature_drift`.
    contract_ : mmm.prediction.columns.contract.DataContract
        The table that scoring has to agree with.
    model_version_ : str
        Fingerprint of all that was learnt.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> leads = pd.DataFrame({"pages": rng.poisson(4, 600), "source": rng.choice(["fair", "web"],
    ...     600)})
    >>> won = rng.random(600) < 0.05 + 0.05 * leads["pages"].clip(upper=9)
    >>> scorer = LeadScorer(seed=0).fit(leads, won.astype(int))
    >>> new = pd.DataFrame({"lead_id": ["L1", "L2"], "pages": [9, 0], "source": ["web", "fair"]})
    >>> scores = scorer.score_leads(new)
    >>> bool(scores.probability[0] > scores.probability[1])
    True
    >>> scores.reasons[0][0]
    'pages: 9. Raises the estimated chance.'
    """

    def __init__(
        self,
        seed: int = 0,
        allow: Collection[str] = (),
        learner: Any = None,
        n_folds: int = 5,
    ) -> None:
        self.seed = seed
        self.allow = allow
        self.learner = learner
        self.n_folds = n_folds

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        created_at: Any = None,
        ended_at: Any = None,
        outcome: Any = None,
        groups: Any = None,
    ) -> "LeadScorer":
        """Learn from leads whose fate is known, or known so far.

        Parameters
        ----------
        X : frame or array, shape (n, p)
            One row a lead, as it looked when it was (or could have been) scored.
        y : array_like, shape (n,)
            1 where it converted, else 0.
        created_at : array_like of instants, shape (n,), optional
            When each lead came in; forecasts are then judged forward in time.
        ended_at : array_like of instants, shape (n,), optional
            When it was won or lost; missing while it is open. Needs `created_at`. With it the model
            learns when leads end, and `predict_proba` is that of *ever* being won, also where `y`
            was 1 for those won within some days: `score_leads` with ``within_days=`` asks for a
            shorter time. Columns are then judged by what a lead ended as, not by `y`.
        outcome : array_like, shape (n,), optional
            "won", "lost" or "open". By default leads that ended with y = 0 are lost. Where `y` is
            "won within some days", say here what became of those won later.
        groups : array_like, shape (n,), optional
            Rows of one person or account, which are never parted; nor does one of them vouch for
            another (`find_leakage`).

        Returns
        -------
        LeadScorer

        Raises
        ------
        InputError
            If `y` has one class only, or dates contradict one another.

        Warns
        -----
        DataWarning
            If the order of the leads held out is too good to be honest, with the columns to look
            at; and as `find_leakage`.
        """
        if not (isinstance(self.n_folds, (int, np.integer)) and self.n_folds >= 2):
            raise ConfigError(f"n_folds is {self.n_folds!r}. Choose at least 2.")
        table = self._table(X, reset=True)
        self.classes_, labels = read_labels(y, len(table))
        histories = None
        if ended_at is not None:
            if created_at is None:
                raise InputError("ended_at needs created_at: give the day each lead came in.")
            histories = read_histories(labels > 0, created_at, ended_at, outcome)
        elif outcome is not None:
            raise InputError("outcome needs ended_at and created_at: give when the leads ended.")
        fate = labels
        if histories is not None and 0 < (won := histories.cause == WON).sum() < len(won):
            fate = won.astype(np.float64)  # a column filled at a late win knows the future too
        self.leakage_ = self._judge(table, fate, created_at, ended_at, groups)
        columns = self._columns(table)
        self.contract_ = freeze_contract(
            table,
            columns=columns,
            ignored=sorted({*self.leakage_["column"], *table.columns, *BESIDE}
                           - {column.name for column in columns}),
            created_at=created_at,
        )  # fmt: skip
        frame = clean_frame(table, columns)
        self.drift_bins_ = bin_features(frame, columns)
        known = known_rows(frame, labels, created_at, histories, groups)
        self._learn(frame.iloc[known.order], columns, known)
        said = suspicion(self.card_.facts["too_good"], allow=self.allow) if self._named else None
        if said is not None:
            warnings.warn(said, DataWarning, stacklevel=2)
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Return the probabilities of the two classes for new leads, shape (n, 2).

        Of a model fitted with `ended_at` it is the probability of ever being won.
        """
        score = self._score(X)
        p = self._trained().model.ever(score)
        return np.column_stack([1.0 - p, p])

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the likelier class of each lead, shape (n,)."""
        likely = self.predict_proba(X)[:, 1] >= 0.5
        return np.asarray(self.classes_[likely.astype(np.intp)])

    def score_leads(
        self,
        frame: Any,
        lead_id: str = "lead_id",
        as_of: Any = None,
        within_days: float | None = None,
        lang: str = "en",
    ) -> LeadScores:
        """Score leads: probability, grade and three reasons each.

        Parameters
        ----------
        frame : frame
            The columns of training, and `lead_id`.
        lead_id : str
            Column that names each lead.
        as_of : date, str or timestamp, optional
            Day of the scoring. Where the model knows when leads end, their age (`created_at` in the
            frame) then counts: the probability is that of a lead still open on that day. By default
            leads are scored as on the day they came in.
        within_days : float, optional
            Days, from then on, within which the lead has to be won; by default ever, which is
            within the longest follow-up of training. Needs a model fitted with `ended_at`.
        lang : {"en", "it"}
            Language of the reasons.

        Returns
        -------
        LeadScores

        Raises
        ------
        InputError
            If columns differ from training, or an id is missing or stands twice.
        ConfigError
            If the model cannot answer `within_days`.

        Warns
        -----
        DataWarning
            If rows are left out because their values cannot be read.
        """
        blocks = self.score_blocks([frame], lead_id, as_of, within_days, lang)
        scores = joined(blocks)
        warn_of(scores.quarantine, stacklevel=2)
        return scores

    def score_blocks(
        self,
        frames: Iterable[Any],
        lead_id: str = "lead_id",
        as_of: Any = None,
        within_days: float | None = None,
        lang: str = "en",
    ) -> Iterator[Block]:
        """Score leads that come piece by piece, as `mmm.tables.chunks.read_chunks` gives them.

        The scores are those of `score_leads`; they and the leads are held no longer than a block.

        Parameters
        ----------
        frames : iterable of frame
        lead_id, as_of, within_days, lang
            As for `score_leads`.

        Returns
        -------
        iterator of Block

        Raises
        ------
        InputError, ConfigError
            As `score_leads`. An id that stands twice is found at the end: use no block before all
            of them have come.

        Examples
        --------
        >>> leads = pd.DataFrame({"pages": np.arange(90) % 7})
        >>> scorer = LeadScorer().fit(leads, np.arange(90) % 2)
        >>> new = leads.assign(lead_id=np.arange(90).astype(str))
        >>> blocks = scorer.score_blocks([new[:50], new[50:]])
        >>> [len(block.scores) for block in blocks]
        [50, 40]
        """
        trained = self._trained()
        if within_days is not None and trained.model.hazards is None:
            raise ConfigError(
                "within_days needs a model that knows when leads end. Fit it with created_at= and "
                "ended_at=."
            )
        if within_days is not None and not within_days > 0:
            raise ConfigError(f"within_days is {within_days}. Give days above 0.")
        question = Question(lead_id, as_of, within_days, lang)
        return score_blocks(trained, self.model_version_, frames, question)

    def contributions(self, X: Any) -> Contributions:
        """Return what each column adds to the log-odds of `predict_proba`; they add up to it."""
        model = self._trained().model
        frame = clean_frame(self._table(X), self.contract_.columns)
        return contributions(model, encode(model.features, frame), np.zeros(len(frame)), None)

    def next_grade(self, X: Any, lang: str = "en") -> pd.DataFrame:
        """Say what would lift each lead by a grade: a comparison of leads, not an effect.

        Parameters
        ----------
        X : frame or array, shape (n, p)
        lang : {"en", "it"}

        Returns
        -------
        pandas.DataFrame
            grade, column, value, next_grade (missing where no single column does it), sentence.
        """
        trained = self._trained()
        frame = clean_frame(self._table(X), self.contract_.columns)
        return next_grades(trained.model, trained.grades, frame, lang)

    def save(self, path: str | Path) -> Path:
        """Write the model to a folder of JSON and plain arrays; no pickle.

        Parameters
        ----------
        path : str or Path
            A folder that does not exist or holds a model.

        Raises
        ------
        SourceError
            If the folder holds something else.
        ConfigError
            If the user's own learner cannot be written without pickle.
        """
        return write_model(Path(path), self._trained())

    @classmethod
    def load(cls, path: str | Path) -> "LeadScorer":
        """Read a model that `save` wrote.

        Raises
        ------
        SourceError
            If the folder is foreign, damaged or of a newer version; nothing in it is executed.
        """
        trained = read_model(Path(path))
        scorer = cls(**trained.settings)
        scorer._remember(trained)
        return scorer

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags

    def _table(self, X: Any, *, reset: bool = False) -> pd.DataFrame:
        """Return X as a frame of the columns in question, checked against training."""
        if not (isinstance(X, pd.DataFrame) or hasattr(X, "to_pandas")):
            array = self._numbers(X, reset=reset)
            if reset:
                self._named = False
            table = pd.DataFrame(np.asarray(array, dtype=np.float64))
            if not reset and hasattr(self, "feature_names_in_"):
                table.columns = pd.Index(self.feature_names_in_)
            return to_frame(table if self._named else table.to_numpy())
        table = to_frame(X)
        if not len(table) and reset:
            raise InputError("The table has no rows. Give leads to learn from.")
        if reset:
            validate_data(self, table, skip_check_array=True, reset=True)
            self._named = True
        elif self._named:
            check_schema(self.contract_, table)
        else:
            return self._table(table.to_numpy())
        return table

    def _numbers(self, X: Any, *, reset: bool) -> Any:
        try:
            return validate_data(
                self, X, reset=reset, dtype="numeric", ensure_all_finite="allow-nan"
            )
        except ValueError as error:
            if "could not convert string" not in str(error):
                raise
            raise InputError(
                f"{error}: an array holds numbers alone. Pass a frame, which may hold text and "
                "dates too; behind another step of a pipeline, give that step "
                '.set_output(transform="pandas").'
            ) from error

    def _judge(
        self, table: pd.DataFrame, fate: Floats, created_at: Any, ended_at: Any, groups: Any
    ) -> pd.DataFrame:
        if isinstance(self.allow, str):
            raise ConfigError(f"allow is the text {self.allow!r}. Give a list of column names.")
        return find_leakage(
            table,
            fate,
            created_at=created_at,
            ended_at=ended_at,
            allow=tuple(self.allow),
            groups=groups,
        )

    def _columns(self, table: pd.DataFrame) -> tuple[Column, ...]:
        if not self._named:
            return tuple(Column(name, "number") for name in table.columns)
        refused = {*self.leakage_["column"]}
        return describe_columns(table[[name for name in table.columns if name not in refused]])

    def _learn(self, frame: pd.DataFrame, columns: Sequence[Column], known: Known) -> None:
        features = learn_features(frame, columns)
        rows = encode(features, frame)
        sample = Sample(rows, known.y, known.weight)
        tried = candidates(known.n_rare, self.learner) if features else ()
        folds = cut(known, rows, self.n_folds, self.seed)
        self.choice_ = choose(tried, features, sample, folds, seed=self.seed, own=self.learner)
        model = assemble(features, sample, self.choice_, seed=self.seed, own=self.learner)
        if known.histories is not None:
            score = model.score_encoded(rows)
            hazards = fit_hazards(known.histories, score, self.choice_.z, self.choice_.rows)
            model = model.with_hazards(hazards)
        held_out = known.take(self.choice_.rows)
        p = model.ever(self.choice_.z)
        grades = grade_by_share(p)
        card = Card.of(
            choice=self.choice_,
            contract=self.contract_,
            leakage=self.leakage_,
            frame=frame.iloc[self.choice_.rows],
            model=model,
            known=held_out,
            probability=p,
            grades=grades,
        )
        self._remember(
            Trained(
                settings={"seed": int(self.seed), "allow": list(self.allow),
                          "n_folds": int(self.n_folds)},
                classes=self.classes_,
                named=self._named,
                names=tuple(map(str, getattr(self, "feature_names_in_", ()))),
                n_features=int(self.n_features_in_),
                model=model,
                choice=self.choice_,
                contract=self.contract_,
                drift_bins=self.drift_bins_,
                leakage=self.leakage_,
                grades=grades,
                card=card,
            )
        )  # fmt: skip

    def _remember(self, trained: Trained) -> None:
        """Take on what was learnt, here or in a file."""
        self._state = trained
        self.classes_, self._named = trained.classes, trained.named
        self.n_features_in_ = trained.n_features
        if trained.named:
            self.feature_names_in_ = np.array(trained.names, dtype=object)
        self.leakage_, self.choice_, self.card_ = trained.leakage, trained.choice, trained.card
        self.contract_, self.drift_bins_ = trained.contract, trained.drift_bins
        self.grades_ = trained.card.grades
        self.model_version_ = version_of(trained)
        self.is_fitted_ = True

    def _trained(self) -> Trained:
        check_is_fitted(self, "is_fitted_")
        return self._state

    def _score(self, X: Any) -> Floats:
        model = self._trained().model
        return model.score_table(self._table(X))
