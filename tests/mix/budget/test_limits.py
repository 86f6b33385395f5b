"""Rules of a budget by name: each infeasible set names the two rules that clash."""

import numpy as np
import pytest

from mmm.errors import ConfigError
from mmm.mix.budget.limits import Limits, find_room

CHANNELS = ["Search", "Social", "Events"]
TODAY = np.array([100.0, 50.0, 10.0])


def room(total=160.0, bounds=None, blind=(), **limits):
    return find_room(CHANNELS, TODAY, total, bounds or {}, Limits(**limits), blind)


def test_rules_become_the_tightest_sides():
    found = room(
        bounds={"Search": (0, 300)}, fixed=("Events",), committed={"Search": 20}, step={"Social": 8}
    )
    assert found.rules.lower.tolist() == [20.0, 32.0, 10.0]
    assert found.rules.upper.tolist() == [300.0, 75.0, 10.0]
    assert [bound.rule for bound in found.lowest] == ["committed", "max_change", "fixed"]
    assert found.binding(np.array([300.0, 50.0, 10.0])) == ("bounds", "", "fixed")


def test_a_channel_that_the_data_do_not_identify_moves_by_a_pilot_unless_the_user_insists():
    assert room(blind=["Social"]).rules.lower[1] == 40.0
    assert room(blind=["Social"]).rules.upper[1] == 60.0
    assert room(blind=["Social"]).highest[1].rule == "not identified"
    insisted = room(blind=["Social"], bounds={"Social": (70, 80)})
    assert (insisted.rules.lower[1], insisted.rules.upper[1]) == (70.0, 80.0)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"bounds": {"Radio": (0, 1)}}, "'Radio', which the model does not have; it has 'Search'"),
        ({"fixed": ("Radio",)}, "'Radio'"),
        ({"bounds": {"Search": (5, 1)}}, r"bounds\['Search'\] = \(5, 1\) is crossed"),
        ({"bounds": {"Search": (-5, 1)}}, r"bounds\[.Search.\]\[0\] is -5"),
        ({"bounds": {"Search": (0, float("nan"))}}, "0 or more"),
        ({"bounds": {"Search": 5}}, "lowest, highest"),
        ({"bounds": {"Search": (0, 10)}, "committed": {"Search": 20}}, "committed asks.*bounds"),
        ({"total": 50.0}, "the total of 50, and the least spends, 80 in all .max_change of every"),
        (
            {"total": 900.0},
            "the total of 900, and the most that may be spent, 240 in all .max_change of e",
        ),
        (
            {"total": 900.0, "fixed": ("Events",)},
            r"235 in all \(max_change of 'Search', 'Social'; fixed of 'Events'\)",
        ),
        ({"caps": {("Search", "Social"): 60.0}}, "the cap of 60 on 'Search', 'Social'.*75 in all"),
        ({"caps": {("Search",): 90.0, ("Search", "Social"): 99.0}}, "in two caps"),
        ({"bounds": {"Search": (0, 1)}, "fixed": ("Search",)}, "fixed keeps it at 100, bounds"),
        ({"step": {"Search": 900.0}}, "a step of 900 above max_change asks.*max_change allows"),
        ({"fixed": "Search"}, "fixed='Search' is one name"),
        ({"caps": {"Search": 50.0}}, "is one name"),
        ({"max_change": -0.5}, "max_change is -0.5"),
        ({"pilot": float("nan")}, "pilot is nan"),
        (
            {"total": 160.0, "caps": {("Search", "Social"): 80.0}},
            "most that may be spent, 95.*caps",
        ),
    ],
)
def test_bad_input_38_infeasible_rules_name_what_clashes(asked, said):
    with pytest.raises(ConfigError, match=said):
        room(**asked)


def test_a_channel_not_raised_clashes_by_name_with_more_than_today():
    room = find_room(["A", "B"], np.array([10.0, 10.0]), 20.0, {}, Limits(not_raised=("A",)))
    assert room.rules.lower.tolist() == [5.0, 5.0]
    assert room.rules.upper.tolist() == [10.0, 15.0]
    with pytest.raises(ConfigError, match="'nobody'"):
        find_room(["A"], np.array([10.0]), 10.0, {}, Limits(not_raised=("nobody",)))
    with pytest.raises(ConfigError, match=r"total of 11, .* \(not raised of 'A'"):
        find_room(["A"], np.array([10.0]), 11.0, {}, Limits(not_raised=("A",)))
