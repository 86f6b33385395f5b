"""A registry of models: one pointer, replaced whole; every change logged; nothing else is read."""

import hashlib
import json
import os

import pytest

from mmm.errors import ConfigError, SourceError
from mmm.prediction import registry
from mmm.prediction.registry import (
    LOG,
    REGISTRY,
    Note,
    enter_model,
    held,
    is_registry,
    model_folder,
    promote_model,
    read_log,
    read_registry,
    roll_back,
)

VERSIONS = ["0" * 12, "1" * 12, "2" * 12, "3" * 12]


def write(folder):
    folder.mkdir()
    (folder / "model.json").write_text("{}")


def enter(folder, version, role="challenger", note=Note()):  # noqa: B008 (frozen)
    return enter_model(folder, role, version, write, note)


@pytest.fixture
def two(tmp_path):
    """A registry with a champion and a challenger."""
    folder = tmp_path / "models"
    enter(folder, VERSIONS[0], "champion")
    enter(folder, VERSIONS[1])
    return folder


def state_of(folder):
    state = read_registry(folder)
    return state.champion, state.challenger, state.past


def test_champion_challenger_promotion_and_rollback(two):
    first, second = (f"000{i + 1}-{VERSIONS[i]}" for i in range(2))
    assert state_of(two) == (first, second, ())
    assert model_folder(two) == two / first
    promote_model(two, Note("sales operations", "spring leads"), {"n": 300})
    assert state_of(two) == (second, None, (first,))
    third = enter(two, VERSIONS[2]).challenger
    assert roll_back(two, Note()).champion == first
    assert state_of(two) == (first, third, ())
    for name in (first, second, third):
        assert (two / name / "model.json").is_file()
    with pytest.raises(ConfigError, match="nothing to go back to"):
        roll_back(two, Note())


def test_every_change_is_logged_with_who_when_and_why(two):
    promote_model(two, Note("sales operations", "spring leads"), {"n": 300}, forced=True)
    roll_back(two, Note(why="grades too low"))
    log = read_log(two)
    assert [entry["did"] for entry in log] == ["entered", "entered", "promoted", "rolled back"]
    assert [entry["n"] for entry in log] == [1, 2, 3, 4]
    assert log[2]["by"] == "sales operations"
    assert log[2]["figures"] == {"n": 300}
    assert log[2]["forced"] is True
    assert log[3]["why"] == "grades too low"
    assert all(entry["at"].endswith("+00:00") for entry in log)
    lines = (two / LOG).read_text().splitlines()
    assert [json.loads(line) for line in lines] == list(log)


@pytest.mark.parametrize("field", ["by", "why"])
def test_the_log_takes_no_address_and_no_novel(field):
    with pytest.raises(ConfigError, match="no personal data"):
        Note(**{field: "anna@example.com"})
    with pytest.raises(ConfigError, match="at most 200"):
        Note(**{field: "x" * 201})


def test_roles_that_make_no_sense_are_refused(tmp_path, two):
    with pytest.raises(ConfigError, match="no champion to challenge"):
        enter(tmp_path / "new", VERSIONS[0])
    with pytest.raises(ConfigError, match="has a champion"):
        enter(two, VERSIONS[2], "champion")
    with pytest.raises(ConfigError, match="same as the champion"):
        enter(two, VERSIONS[0])
    with pytest.raises(ConfigError, match="is no 'king'"):
        enter(two, VERSIONS[2], "king")
    promote_model(two, Note(), None)
    with pytest.raises(ConfigError, match="no challenger"):
        promote_model(two, Note(), None)


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "holiday.jpg").write_text("sea")
    with pytest.raises(SourceError, match="something else"):
        enter(tmp_path, VERSIONS[0], "champion")
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_what_was_compared_is_what_is_promoted(two):
    seen = read_registry(two)
    enter(two, VERSIONS[2])
    with pytest.raises(ConfigError, match="changed meanwhile"):
        promote_model(two, Note(), None, expected=seen)


def test_a_training_that_fails_changes_nothing(two):
    def fail(folder):
        folder.mkdir()
        (folder / "half").write_text("x")
        raise OSError("disk full")

    before = (two / REGISTRY).read_bytes()
    with pytest.raises(OSError, match="disk full"):
        enter_model(two, "challenger", VERSIONS[2], fail, Note())
    assert (two / REGISTRY).read_bytes() == before
    assert enter(two, VERSIONS[2]).challenger == f"0003-{VERSIONS[2]}"


@pytest.mark.parametrize("step", ["replace", "log"])
def test_a_kill_leaves_the_state_before_or_after(two, monkeypatch, step):
    before, after = state_of(two), (f"0002-{VERSIONS[1]}", None, (f"0001-{VERSIONS[0]}",))

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if step == "replace":
            patch.setattr(type(two), "replace", killed)
        else:
            patch.setattr(registry, "_log", lambda folder, entry: entry["n"] < 3 or killed())
        with pytest.raises(KeyboardInterrupt):
            promote_model(two, Note(), None)
    assert state_of(two) == (before if step == "replace" else after)
    roll_back(two, Note()) if step == "log" else promote_model(two, Note(), None)
    numbers = [json.loads(line)["n"] for line in (two / LOG).read_text().splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))  # what the kill kept out was made up for


def test_a_torn_line_of_the_log_is_written_again(two):
    whole = (two / LOG).read_text()
    (two / LOG).write_text(whole[:-20])
    promote_model(two, Note(), None)
    assert [entry["n"] for entry in read_log(two)] == [1, 2, 3]


@pytest.mark.parametrize("line", [b"[" * 100_000, b"\xff\xfe", b'{"n": "1"}', b"7", b""])
def test_lines_of_the_log_that_are_not_ours_are_passed_over(two, line):
    with (two / LOG).open("ab") as stream:
        stream.write(line + b"\n")
    promote_model(two, Note(), None)
    assert [entry["n"] for entry in read_log(two)] == [1, 2, 3]


def sealed(folder, **changes):
    """Change the body of a registry, and seal it as if it were ours."""
    plain = json.loads((folder / REGISTRY).read_text())
    plain["body"] |= changes
    body = json.dumps(plain["body"], sort_keys=True).encode()
    plain["body_sum"] = hashlib.sha256(body).hexdigest()
    (folder / REGISTRY).write_text(json.dumps(plain))


def test_bad_input_43_a_foreign_newer_truncated_or_altered_registry(two):
    file = two / REGISTRY
    whole = file.read_text()
    for text, said in (
        (whole[:-30], "truncated"),
        ('{"format": "someone else"}', "not a registry of models"),
        (json.dumps(json.loads(whole) | {"version": 2}), "Install a newer mmm"),
        (whole.replace(VERSIONS[0], VERSIONS[2], 1), "altered"),
        ("[" * 100_000, "truncated"),
    ):
        file.write_text(text)
        with pytest.raises(SourceError, match=said):
            model_folder(two)
        with pytest.raises(SourceError, match=said):
            enter(two, VERSIONS[3])
        file.write_text(whole)
    file.unlink()
    assert not is_registry(two)
    with pytest.raises(SourceError, match="holds no registry"):
        read_registry(two)


@pytest.mark.parametrize(
    "changes",
    [
        {"champion": "../elsewhere"},
        {"champion": "/etc"},
        {"challenger": "0002-000000000000/.."},
        {"past": ["."]},
        {"past": 3},
        {"champion": None},
        {"champion": 5},
        {"last": {}},
    ],
)
def test_bad_input_43_a_registry_that_leads_out_of_its_folder(two, changes):
    sealed(two, **changes)
    with pytest.raises(SourceError, match="damaged"):
        read_registry(two)


def test_one_command_changes_a_registry_at_a_time(two):
    with held(two), pytest.raises(ConfigError, match="another command"):
        roll_back(two, Note())


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_the_folder_of_a_model_has_the_rights_of_a_new_folder(tmp_path, two):
    (tmp_path / "plain").mkdir()
    rights = (tmp_path / "plain").stat().st_mode
    assert read_registry(two).champion_folder.stat().st_mode == rights
