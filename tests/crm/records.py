"""Records to write: by hand and by hypothesis, and what a system holds after them."""

from hypothesis import strategies as st

from mmm.crm import FIELDS, Record

AT = "2025-03-01T05:30:00+00:00"


def record(lead_id, probability=0.25, grade="B", model="m-2025-02"):
    fields = dict.fromkeys(FIELDS)
    fields |= {
        "mmm_probability": probability,
        "mmm_grade": grade,
        "mmm_reason_1": "è tornato =2 volte; 'ieri'",
        "mmm_model": model,
        "mmm_scored_at": AT,
    }
    return Record(lead_id, fields)


TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8),
    st.sampled_from(["=1+1", "'=1", "NULL", "nan", "None", "007", "1e3", '"', "\\N", "a\nb", "'"]),
)
PROBABILITIES = st.none() | st.floats(0, 1)
INSTANTS = st.none() | st.datetimes().map(lambda at: f"{at.isoformat(timespec='seconds')}+00:00")


def lead_records(ids=TEXTS):
    texts = st.none() | TEXTS
    kinds = {"mmm_probability": PROBABILITIES, "mmm_scored_at": INSTANTS}
    fields = st.fixed_dictionaries({}, optional={n: kinds.get(n, texts) for n in FIELDS})
    return st.lists(st.builds(Record, ids, fields), max_size=6)


def merged(held, records):
    """What is held after these records: the plain meaning of the protocol."""
    held = {lead: dict(fields) for lead, fields in held.items()}
    for one in records:
        if one.fields and one.lead_id:
            cells = held.setdefault(one.lead_id, dict.fromkeys(FIELDS))
            cells |= {name: None if value == "" else value for name, value in one.fields.items()}
    return held


def with_values(held):
    """What is held where a lead that has lost its last value goes."""
    return {lead: cells for lead, cells in held.items() if set(cells.values()) != {None}}
