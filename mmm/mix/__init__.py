"""Marketing mix: what a euro returns, and where the next one should go."""

from mmm.mix.budget import Target, optimize_budget
from mmm.mix.calibration import LiftTest, check_tests
from mmm.mix.curves import ResponseCurves, marginal_response, simulate_response, steady_response
from mmm.mix.decisions import DecisionLog
from mmm.mix.decomposition import Decomposition, decompose
from mmm.mix.design import Baseline, Event
from mmm.mix.effect import EffectEvidence, effect_evidence
from mmm.mix.experiment import Reading, read_flighting, read_holdout, tau_from_tests
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
from mmm.mix.flighting import Flighting, flight_plan
from mmm.mix.frontier import Frontier, efficient_frontier
from mmm.mix.holdout import holdout
from mmm.mix.inference_data import to_arviz
from mmm.mix.learning import prior_and_posterior
from mmm.mix.limits import Limits
from mmm.mix.model import MixModel
from mmm.mix.pilot import Pilot
from mmm.mix.pilot_design import PilotTerms
from mmm.mix.pilots import pilot_frame, plan_pilot, rank_pilots, with_pilots
from mmm.mix.plan import BudgetPlan
from mmm.mix.priors import Priors
from mmm.mix.reading import read_mix
from mmm.mix.refresh import Ladder, Switch, explain_refresh, keep_or_switch
from mmm.mix.sampler import Sampling
from mmm.mix.scenarios import Scenario, Scenarios, compare_scenarios
from mmm.mix.table import mix_table

__all__ = [
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
    "check_tests",
    "compare_scenarios",
    "decompose",
    "effect_evidence",
    "efficient_frontier",
    "explain_refresh",
    "flight_plan",
    "holdout",
    "keep_or_switch",
    "marginal_response",
    "mix_findings",
    "mix_table",
    "optimize_budget",
    "pilot_frame",
    "plan_pilot",
    "prior_and_posterior",
    "rank_pilots",
    "read_flighting",
    "read_holdout",
    "read_mix",
    "simulate_response",
    "steady_response",
    "tau_from_tests",
    "to_arviz",
    "with_pilots",
]
