"""Marketing mix: what a euro returns, and where the next one should go."""

from mmm.mix.budget.decisions import DecisionLog
from mmm.mix.budget.flighting import Flighting, flight_plan
from mmm.mix.budget.frontier import Frontier, efficient_frontier
from mmm.mix.budget.limits import Limits
from mmm.mix.budget.optimize import Target, optimize_budget
from mmm.mix.budget.panels import each_panel, over_panels
from mmm.mix.budget.plan import BudgetPlan
from mmm.mix.budget.refresh import Ladder, Switch, explain_refresh, keep_or_switch
from mmm.mix.budget.scenarios import Scenario, Scenarios, compare_scenarios
from mmm.mix.calibration import LiftTest, check_tests
from mmm.mix.checks.attribution import attribution_findings, compare_attribution
from mmm.mix.checks.decomposition import Decomposition, decompose
from mmm.mix.checks.holdout import (
    holdout,
    holdout_findings,
    rolling_holdout,
    summarise_holdout,
)
from mmm.mix.checks.inference_data import to_arviz
from mmm.mix.checks.learning import prior_and_posterior, prior_check
from mmm.mix.checks.replication import predictive_check
from mmm.mix.checks.rivals import compare_models
from mmm.mix.checks.visibility import visibility_check
from mmm.mix.delays import adstock_from_delays, adstock_from_survival
from mmm.mix.effects.curves import (
    ResponseCurves,
    marginal_response,
    simulate_response,
    steady_response,
)
from mmm.mix.effects.effect import EffectEvidence, effect_evidence
from mmm.mix.families import (
    DelayedAdstock,
    ExponentialSaturation,
    GeometricAdstock,
    HillSaturation,
    LogisticSaturation,
    MichaelisMentenSaturation,
    NoAdstock,
    NoSaturation,
    PeakedAdstock,
    RootSaturation,
    WeibullAdstock,
)
from mmm.mix.findings import mix_findings
from mmm.mix.inference.design import Baseline, Event
from mmm.mix.inference.sampler import Sampling
from mmm.mix.model import MixModel
from mmm.mix.pilots.design import PilotTerms
from mmm.mix.pilots.experiment import Reading, read_flighting, read_holdout, tau_from_tests
from mmm.mix.pilots.pilot import Pilot
from mmm.mix.pilots.planner import pilot_frame, plan_pilot, rank_pilots, with_pilots
from mmm.mix.priors import AttributionPrior, Priors
from mmm.mix.table.build import mix_table
from mmm.mix.table.ready import read_mix

__all__ = [
    "AttributionPrior",
    "Baseline",
    "BudgetPlan",
    "DecisionLog",
    "Decomposition",
    "DelayedAdstock",
    "EffectEvidence",
    "Event",
    "ExponentialSaturation",
    "Flighting",
    "Frontier",
    "GeometricAdstock",
    "HillSaturation",
    "Ladder",
    "LiftTest",
    "Limits",
    "LogisticSaturation",
    "MichaelisMentenSaturation",
    "MixModel",
    "NoAdstock",
    "NoSaturation",
    "PeakedAdstock",
    "Pilot",
    "PilotTerms",
    "Priors",
    "Reading",
    "ResponseCurves",
    "RootSaturation",
    "Sampling",
    "Scenario",
    "Scenarios",
    "Switch",
    "Target",
    "WeibullAdstock",
    "adstock_from_delays",
    "adstock_from_survival",
    "attribution_findings",
    "check_tests",
    "compare_attribution",
    "compare_models",
    "compare_scenarios",
    "decompose",
    "each_panel",
    "effect_evidence",
    "efficient_frontier",
    "explain_refresh",
    "flight_plan",
    "holdout",
    "holdout_findings",
    "keep_or_switch",
    "marginal_response",
    "mix_findings",
    "mix_table",
    "optimize_budget",
    "over_panels",
    "pilot_frame",
    "plan_pilot",
    "predictive_check",
    "prior_and_posterior",
    "prior_check",
    "rank_pilots",
    "read_flighting",
    "read_holdout",
    "read_mix",
    "rolling_holdout",
    "simulate_response",
    "steady_response",
    "summarise_holdout",
    "tau_from_tests",
    "to_arviz",
    "visibility_check",
    "with_pilots",
]
