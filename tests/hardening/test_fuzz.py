"""Some seconds of damaged files; `fuzzing.py` runs the same for as long as one likes."""

from itertools import islice

import pytest

from tests.hardening.fuzzing import ENDINGS, READERS, ROWS, Case, attempt, cases


@pytest.mark.parametrize("seed", range(4))
def test_only_our_errors_come_out_of_damaged_files(seed, tmp_path):
    tried = list(islice(cases(seed), 150))
    escaped = [found for found in (attempt(case, tmp_path) for case in tried) if found]
    assert [f"{one.kind} case {one.case.number}\n{one.told}" for one in escaped] == []
    assert {case.ending for case in tried} == set(ENDINGS)
    assert {case.table for case in tried} == set(READERS)


@pytest.mark.parametrize("table", ROWS)
def test_the_files_are_readable_before_they_are_damaged(table, tmp_path):
    whole = "\n".join(ROWS[table]).encode()
    path = tmp_path / "whole.csv"
    path.write_bytes(whole)
    assert len(READERS[table](path)) == len(ROWS[table]) - 1


def test_what_escapes_is_caught_and_named(tmp_path, monkeypatch):
    def fails(path, locale):
        raise ZeroDivisionError(path.name)

    monkeypatch.setitem(READERS, "roles", fails)
    found = attempt(Case(0, "roles", ".csv", None, b"x"), tmp_path)
    assert found.kind.startswith("ZeroDivisionError at test_fuzz.py:")
    assert "case.csv" in found.told
