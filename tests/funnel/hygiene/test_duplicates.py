"""The same person or company under two records: found, and look-alikes left alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm import datasets
from mmm.errors import ConfigError, InputError
from mmm.funnel.hygiene.duplicates import find_duplicates
from mmm.funnel.hygiene.names import edits, mail_key, phone_key, relate, words

FIRST = ("amber", "cedar", "copper", "delta", "granite", "harbour", "indigo", "juniper", "maple",
         "meadow", "northern", "orchard", "pebble", "quarry", "river", "silver", "timber", "valley",
         "willow", "winter")  # fmt: skip
SECOND = ("bearings", "bottling", "castings", "ceramics", "conveyors", "fittings", "foundry",
          "hydraulics", "labels", "logistics", "machining", "packaging", "plastics", "robotics",
          "tooling", "valves", "welding", "glassworks", "textiles", "ovens")  # fmt: skip
FORMS = ("S.r.l.", "srl", "SpA", "S.p.A.", "S.n.c.", "Ltd", "Ltd.", "GmbH", "GmbH & Co. KG", "")
GIVEN = ("adele", "bruno", "carla", "dario", "elena", "fabio", "greta", "heidi", "ivano", "laura",
         "marco", "mario", "maria", "nadia", "oscar", "paolo", "paola", "renzo", "silvia",
         "tommaso")  # fmt: skip


def slip(word, rng):
    """Swap, drop, double or change one letter inside a word."""
    i = int(rng.integers(1, len(word) - 2))
    kind = rng.integers(4)
    if kind == 0 and word[i] != word[i + 1]:
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    if kind == 1:
        return word[:i] + word[i + 1 :]
    if kind == 2:
        return word[:i] + word[i] + word[i:]
    return word[:i] + "z" + word[i + 1 :]


def spelled(name, rng):
    """Write a company's name in another way, up to one typing slip."""
    tokens = name.split()
    if rng.random() < 0.4:
        k = int(rng.integers(len(tokens)))
        tokens[k] = slip(tokens[k], rng)
    if rng.random() < 0.3:
        tokens = tokens[::-1]
    text = " ".join(tokens)
    text = (text.upper(), text.title(), text)[int(rng.integers(3))]
    return f"{text}{rng.choice([' ', ', '])}{rng.choice(FORMS)}".strip(" ,")


def companies(seed):
    """Return a table and the pairs that are one company, among many that only look alike."""
    rng = np.random.default_rng(seed)
    names = [f"{a} {b}" for a in FIRST for b in SECOND]
    rows, truth = [], set()
    for n, name in enumerate(names):
        site = name.replace(" ", "-") + ".example"
        rows.append((f"a{n:04}", f"{name.title()} {rng.choice(FORMS)}".strip(), site))
        if n % 3 == 0:
            rows.append((f"b{n:04}", spelled(name, rng), site if rng.random() < 0.7 else None))
            truth.add((f"a{n:04}", f"b{n:04}"))
        if n % 7 == 1:  # its namesake elsewhere, which is another company
            rows.append((f"c{n:04}", f"{name.title()} Srl", f"namesake{n}.example"))
        if n % 7 == 2:  # parent and child: nearly one name, one domain
            rows.append((f"d{n:04}", f"{name.title()[:-1]}istica Srl", site))
        if n % 7 == 3:  # one slip away, in another domain
            rows.append((f"e{n:04}", slip(name, rng), f"other{n}.example"))
    return pd.DataFrame(rows, columns=["account_id", "company", "domain"]), truth


def people(seed):
    """Return people of 60 companies: retyped ones, homonyms elsewhere, and relations at home."""
    rng = np.random.default_rng(seed)
    rows, truth, n = [], set(), 0
    for k in range(60):
        site, account = f"works{k}.example", f"A{k:03}"
        for given_name in rng.choice(GIVEN, 6, replace=False):
            family = SECOND[int(rng.integers(len(SECOND)))]
            n += 1
            box = f"{given_name}.{family}"
            rows.append((f"p{n:04}", f"{given_name} {family}".title(), f"{box}@{site}", account))
            if n % 2:
                continue
            how = n % 5
            written = f"{given_name} {slip(family, rng) if how in (0, 1) else family}"
            if how == 2:
                written = f"{family} {given_name}".upper()
            mail = (f"{box}+fair@{site}".upper(), None, f"{given_name[0]}.{family}@{site}",
                    f"{box}@gmail.com", f"{box}+news@{site}")[how]  # fmt: skip
            rows.append((f"q{n:04}", written, mail, account))
            truth.add((f"p{n:04}", f"q{n:04}"))
    return pd.DataFrame(rows, columns=["person_id", "name", "email", "account_id"]), truth


def f1(found, truth):
    """Score the pairs that lie in one group."""
    same = set()
    for _, group in found.groups.groupby("group"):
        ids = sorted(group["id"])
        same |= {(a, b) for i, a in enumerate(ids) for b in ids[i + 1 :]}
    hits = len(same & truth)
    return 2 * hits / (len(same) + len(truth))


@pytest.mark.parametrize("seed", range(5))
def test_seeded_companies_are_found_among_look_alikes(seed):
    table, truth = companies(seed)
    assert f1(find_duplicates(table, entity="companies"), truth) >= 0.95


@pytest.mark.parametrize("seed", range(5))
def test_seeded_people_are_found_among_homonyms(seed):
    table, truth = people(seed)
    assert f1(find_duplicates(table), truth) >= 0.95


def company_pair(*rows):
    columns = ["account_id", "company", "domain", "phone", "vat"][: len(rows[0]) + 1]
    frame = pd.DataFrame([(f"a{i}", *row) for i, row in enumerate(rows)], columns=columns)
    return find_duplicates(frame, entity="companies")


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (("Società Molini S.r.l.",), ("MOLINI SRL",), True),
        (("Pump Works & C. S.n.c.",), ("works pump",), True),
        (("Metal Tech GmbH",), ("Metaltech",), True),
        (("Rossi Impianti Srl",), ("Rossi Impiantistica Srl",), False),
        (("Rossi Impianti", "impianti.example"), ("Rossi Impiantistica", "impianti.example"), 0),
        (("Mill", "mill.example"), ("Mill", "other.example"), False),
        (("Mill", "mill.it"), ("Mill Srl", "www.mill.com"), True),
        (("Steel Plant 1",), ("Steel Plant 2",), False),
        (("Alfa Metal",), ("Alba Metal",), False),
        (("Impianto Molini",), ("Impianti Molini",), False),
        (("Impianto Molini", "mill.example"), ("Impianti Molini", "mill.example"), True),
        (("Mill", "gmail.com"), ("Lake", "gmail.com"), False),
        (("Pump", None, "+39 02 5551234"), ("Pump", "pump.example", "025551234"), True),
        (("Pump", None, None, "IT01234567890"), ("Lake", None, None, "IT 01234567890"), True),
        (("Pump", None, None, "IT01234567890"), ("Pump", None, None, "IT01234567891"), False),
    ],
)  # fmt: skip
def test_two_companies(left, right, same):
    found = company_pair(left, right)
    assert found.n_extra == int(same)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (("Ann Mill", "ann@mill.example"), ("Mill, Ann", "ANN+fair@mill.example"), True),
        (("Ann Mill", "a.nn@gmail.com"), ("Ann Mill", "ann@googlemail.com"), True),
        (("Ann Mill", "ann@mill.example"), ("Ann Mill", "ann@lake.example"), False),
        (("Ann Mill", "info@mill.example"), ("Bob Lake", "info@mill.example"), False),
        (("Ann Mill", "info@mill.example"), ("Ann Mill", "info@mill.example"), True),
        (("Paolo Mill", "p.mill@mill.example"), ("Paola Mill", "pa.mill@mill.example"), False),
        (("Marco Mill", "marco@mill.example"), ("Mario Mill", "mario@mill.example"), False),
        (("Ann Mill", "ann@gmail.com"), ("Ann Mill", "bob@gmail.com"), False),
        (("Ann Millstone", None, "555 123 4567"), ("Ann Milstone", None, "5551234567"), True),
    ],
)
def test_two_people(left, right, same):
    columns = ["person_id", "name", "email", "phone"][: len(left) + 1]
    frame = pd.DataFrame([("p0", *left), ("p1", *right)], columns=columns)
    assert find_duplicates(frame).n_extra == int(same)


def test_a_record_between_two_companies_does_not_join_them():
    found = company_pair(("Mill", "one.example"), ("Mill", "two.example"), ("Mill Srl", None))
    assert sorted(found.groups["id"]) in (["a0", "a2"], ["a1", "a2"])


def test_the_fullest_record_is_kept_and_the_rest_is_the_list_to_mend():
    frame = pd.DataFrame(
        {
            "person_id": ["p1", "p2", "p3"],
            "email": ["ann@mill.example", "ann+x@mill.example", "bob@mill.example"],
            "phone": [None, "5551234567", None],
        }
    )
    found = find_duplicates(frame)
    assert found.mend().to_dict("records") == [{"id": "p1", "what": "email", "suggested": "p2"}]
    assert found.pairs["same"].tolist() == [True]
    assert (found.n, found.n_extra) == (3, 1)


def test_a_block_longer_than_the_window_is_still_one_group():
    frame = pd.DataFrame(
        {
            "person_id": [f"p{i:03}" for i in range(200)],
            "email": [f"ann+{i}@mill.example" for i in range(200)],
        }
    )
    assert find_duplicates(frame).n_extra == 199


@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(random):
    table, _ = companies(0)
    table = table.iloc[:60]
    order = list(range(len(table)))
    random.shuffle(order)
    expected = find_duplicates(table, entity="companies").groups
    shuffled = find_duplicates(table.iloc[order], entity="companies").groups
    pd.testing.assert_frame_equal(shuffled, expected)


def plain_distance(a, b):
    """Optimal string alignment by its recursion, for words of a few letters."""
    if not a or not b:
        return len(a) + len(b)
    best = min(
        plain_distance(a[1:], b) + 1,
        plain_distance(a, b[1:]) + 1,
        plain_distance(a[1:], b[1:]) + (a[0] != b[0]),
    )
    if len(a) > 1 and len(b) > 1 and a[0] == b[1] and a[1] == b[0]:
        best = min(best, plain_distance(a[2:], b[2:]) + 1)
    return best


@given(st.text("ab", max_size=6), st.text("ab", max_size=6))
def test_edits_equal_the_plain_recursion(a, b):
    assert edits(a, b) == min(plain_distance(a, b), 3)


def test_keys_forget_how_things_were_typed():
    assert words("F.lli Bianchi s.n.c. di Mill & C.") == ("fratelli", "bianchi", "di", "mill")
    assert words("S.p.A.") == ("spa",)
    assert words(None) == ()
    assert mail_key("no mail") == ("", "")
    assert phone_key("12") == phone_key("1234567890") == ""
    assert relate(["a", "mill"], ["ann", "mill"]) == "initial"
    assert relate(["paolo", "mill"], ["paola", "mill"]) == "ending"
    assert relate(["ann", "jane", "mill"], ["ann", "mill"]) == "part"


def test_the_shipped_people_are_all_different():
    found = find_duplicates(datasets.load("contacts"))
    assert (found.n, found.n_extra) == (527, 0)


def test_mistakes_are_named_with_their_cure():
    frame = pd.DataFrame({"person_id": ["p1", "p1"], "email": ["a@b.example", "c@b.example"]})
    with pytest.raises(InputError, match=r"repeated in row 2.*columns="):
        find_duplicates(frame)
    with pytest.raises(InputError, match=r"need an id and one of 'email', 'name', 'phone'"):
        find_duplicates(frame[["person_id"]])
    with pytest.raises(ConfigError, match="entity='cars' is unknown"):
        find_duplicates(frame, entity="cars")
    with pytest.raises(ConfigError, match="columns= names 'mail'"):
        find_duplicates(frame, columns={"email": "mail"})
    with pytest.raises(ConfigError, match="threshold=2"):
        find_duplicates(frame, threshold=2)
    assert find_duplicates(frame.iloc[:0]).n_extra == 0
