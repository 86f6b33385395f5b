"""The rules once more, deal by deal in plain Python, from their definitions in words."""

SHAPES = {
    "u": {"first": 40, "last": 40, "rest": 20},
    "u_lead": {"first": 40, "lead": 40, "rest": 20},
    "w": {"first": 30, "lead": 30, "opportunity": 30, "rest": 10},
    "full_path": {"first": 22.5, "lead": 22.5, "opportunity": 22.5, "last": 22.5, "rest": 10},
    "j": {"first": 20, "last": 60, "rest": 20},
    "inverse_j": {"first": 60, "last": 20, "rest": 20},
}


def position(labels, places, parts):
    """Return the parts of one deal; places are those of its anchors, None where missing."""
    places = {"first": 0, "last": len(labels) - 1, **places}
    got = [0.0] * len(labels)
    anchored = set()
    for anchor, part in parts.items():
        if anchor != "rest" and places.get(anchor) is not None:
            got[places[anchor]] += part
            anchored.add(places[anchor])
    free = [i for i in range(len(labels)) if i not in anchored]
    for i in free:
        got[i] += parts.get("rest", 0) / len(free)
    return [part / sum(got) for part in got]


def decay(days, half_life):
    """Return the parts of one deal from the days of its touches before the close."""
    raw = [0.5 ** (age / half_life) for age in days]
    return [weight / sum(raw) for weight in raw]


def non_direct(labels, direct):
    """Return the parts of one deal under last non-direct."""
    got = [0.0] * len(labels)
    for i in reversed(range(len(labels))):
        if labels[i] not in direct:
            got[i] = 1.0
            return got
    got[-1] = 1.0
    return got


def credit(deals, weigh):
    """Add up by channel; deals are (labels, value, more), weigh gives the parts of one."""
    total = {}
    for labels, value, more in deals:
        for label, part in zip(labels, weigh(labels, more), strict=True):
            total[label] = total.get(label, 0.0) + part * value
    return total
