"""Journeys by plain loops, straight from the definition: slow, obvious, and independent."""

from collections import defaultdict
from datetime import timedelta


def brute_force(touches, deals, *, roles, by, lookback_days, maturity_days, touch_sharing, as_of):
    """Return {deal_id: [labels]} for won and lost deals, and the label lists of null units.

    Touches are dicts with person, account, at, channel; deals with deal_id, person, account,
    created, closed, won; roles a dict deal_id -> set of persons.
    """
    window = timedelta(days=lookback_days)
    ended = sorted(
        (d for d in deals if d["won"] is not None),
        key=lambda d: (d["closed"], d["created"] or d["closed"].max, d["deal_id"]),
    )

    def serves(touch, deal):
        if deal["deal_id"] in roles:
            return touch["person"] in roles[deal["deal_id"]]
        sides = ["account", "person"] if by == "account" else ["person", "account"]
        for side in sides:
            if deal[side] is not None:
                return touch[side] == deal[side]
        return False

    def in_window(touch, deal):
        base = min(deal["created"] or deal["closed"], deal["closed"])
        return base - window <= touch["at"] <= deal["closed"]

    served = defaultdict(list)
    for touch in touches:
        fits = [d for d in ended if serves(touch, d) and in_window(touch, d)]
        for deal in fits if touch_sharing == "all_open" else fits[:1]:
            served[deal["deal_id"]].append(touch)

    with_deal = set()
    units = defaultdict(list)
    for touch in touches:
        first, second = ("account", "person") if by == "account" else ("person", "account")
        unit = (first, touch[first]) if touch[first] is not None else (second, touch[second])
        units[unit].append(touch)
        if any(has_deal(touch, deal, roles, by) for deal in deals):
            with_deal.add(unit)
    nulls = {
        unit: ordered(own)
        for unit, own in units.items()
        if unit not in with_deal
        and max(t["at"] for t in own) <= as_of - timedelta(days=maturity_days)
    }
    return {deal: ordered(own) for deal, own in served.items()}, nulls


def has_deal(touch, deal, roles, by):
    """Tell whether the touch belongs to somebody who has this deal."""
    if touch["person"] is not None and touch["person"] in roles.get(deal["deal_id"], ()):
        return True
    if deal["person"] is not None and touch["person"] == deal["person"]:
        return True
    account_counts = by == "account" or (deal["person"] is None and deal["deal_id"] not in roles)
    return account_counts and deal["account"] is not None and touch["account"] == deal["account"]


def ordered(touches):
    """Sort by time and label; keep the first of one label within a minute."""
    seen, labels = set(), []
    for touch in sorted(touches, key=lambda t: (t["at"], t["channel"])):
        minute = (touch["at"].replace(second=0, microsecond=0), touch["channel"])
        if minute not in seen:
            seen.add(minute)
            labels.append(touch["channel"])
    return labels


def anchors(times, deal, leads, *, roles, by, lookback_days):
    """Return the place of the last touch at or before each CRM date of a deal, -1 for none.

    Times are those of the touches of its journey, in order; leads and the deal are dicts with
    person and account both known.
    """
    opens = min(deal["created"], deal["closed"]) - timedelta(days=lookback_days)

    def timely(lead):
        dates = [lead[name] for name in ("lead", "mql", "sql") if lead[name] is not None]
        return any(opens <= date <= deal["closed"] for date in dates)

    if deal["deal_id"] in roles:
        own = [lead for lead in leads if lead["person"] in roles[deal["deal_id"]]]
    else:
        own = [lead for lead in leads if lead[by] == deal[by]]
    own = [lead for lead in own if timely(lead)]
    if not own:
        own = [lead for lead in leads if lead["account"] == deal["account"] and timely(lead)]
    found = {"opportunity": deal["created"]}
    for name in ("lead", "mql", "sql"):
        dates = [lead[name] for lead in own if lead[name] is not None]
        found[name] = min((d for d in dates if opens <= d <= deal["closed"]), default=None)
    return {
        name: -1 if date is None else sum(at <= date for at in times) - 1
        for name, date in found.items()
    }
