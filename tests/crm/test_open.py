"""From a text to a system."""

import sys
from types import SimpleNamespace

import pytest

from mmm.crm import open as opening
from mmm.crm.files import FileSource, FileTarget
from mmm.crm.open import open_source, open_target
from mmm.crm.sql.target import SqlSource, SqlTarget
from mmm.errors import ConfigError, MissingLibraryError


@pytest.mark.parametrize("name", ["scores.csv", "a folder/scores.parquet", "SCORES.XLSX"])
def test_a_file(tmp_path, name):
    target = open_target(str(tmp_path / name))
    assert isinstance(target, FileTarget)
    assert target.name == str(tmp_path / name)
    assert isinstance(open_source(str(tmp_path / name)), FileSource)
    assert isinstance(open_source(str(tmp_path)), FileSource)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("postgresql://anna:hunter2@db.example:5433/crm", "postgresql://db.example:5433/crm"),
        ("postgres://db/crm?password=hunter2&sslmode=require", "postgresql://db/crm"),
        ("postgresql+psycopg://anna:hunt%23er2@db/crm", "postgresql://db/crm"),
        ("postgresql://anna:hunt#er2@db/crm", "postgresql://db/crm"),
        ("sqlite:////srv/crm.db", "sqlite:////srv/crm.db"),
    ],
)
@pytest.mark.parametrize(
    ("tail", "table"),
    [
        ("", "mmm_scores"),
        ("#", "mmm_scores"),
        ("#key=id", "mmm_scores"),
        ("#my%23leads", "my#leads"),
        ("#table=a.b%26c&key=x%3Dy", "a.b&c"),
    ],
)
def test_a_database(text, name, tail, table):
    target = open_target(text + tail, environ={})
    assert isinstance(target, SqlTarget)
    assert target.name == f"{name}#{table}"
    assert isinstance(open_source(text + tail, environ={}), SqlSource)
    assert "hunt" not in f"{target!r} {vars(target)} {open_source(text + tail, environ={}).name}"


def test_a_relative_sqlite_file_has_one_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    address = f"sqlite:///{tmp_path}/crm.db"
    assert open_target("sqlite:///crm.db").name == open_target(address).name


@pytest.mark.parametrize("system", opening.SYSTEMS)
def test_a_customer_system(monkeypatch, system):
    calls = []
    module = SimpleNamespace(
        open_target=lambda address, *, environ: calls.append(("to", address, environ)),
        open_source=lambda address, *, environ: calls.append(("from", address, environ)),
    )
    monkeypatch.setitem(sys.modules, f"mmm.crm.{system}", module)
    open_target(f"{system}:https://crm.example/x", environ={"A": "b"})
    open_source(f"{system}:", environ={})
    assert calls == [("to", "https://crm.example/x", {"A": "b"}), ("from", "", {})]


@pytest.mark.parametrize("system", opening.SYSTEMS)
def test_each_system_keeps_the_form(system):
    module = pytest.importorskip(f"mmm.crm.{system}", exc_type=ImportError)
    assert callable(module.open_target)
    assert callable(module.open_source)


@pytest.mark.parametrize(
    "text",
    ["crm:", "fax:1", "scores", "scores.txt", "https://x.it/scores.csv", "mysql://u:hunter2@h/d",
     "", "tryton", "C:", "postgresql:/h/d"],
)  # fmt: skip
def test_what_cannot_be_written_is_told_with_what_can(text):
    with pytest.raises(ConfigError, match=r"\.csv, \.parquet or \.xlsx.*sqlite.*tryton:") as caught:
        open_target(text)
    assert "hunter2" not in str(caught.value)
    if text != "scores.txt":
        with pytest.raises(ConfigError, match=r"a folder, a file that ends in .*odoo:"):
            open_source(text)


@pytest.mark.parametrize("tail", ["#table=", "#tabel=x", "#table=x&&key=y", "#=x"])
def test_options_that_are_unknown_or_empty(tail):
    with pytest.raises(ConfigError, match="options are 'table', 'key'"):
        open_target(f"sqlite:///x.db{tail}", environ={})


@pytest.mark.parametrize("url", ["postgresql://u:hunter2@h:port/d"])
def test_an_address_that_is_none_is_not_repeated(url):
    with pytest.raises(ConfigError, match="no database URL") as caught:
        open_target(url, environ={})
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize(
    ("address", "cure"),
    [("sqlite:///x.db", "sqlalchemy"), ("postgresql://db/crm", 'sqlalchemy "psycopg[binary]"')],
)
def test_a_missing_library_is_named_with_its_cure(monkeypatch, address, cure):
    for module in ("mmm.crm.sql", "mmm.crm.sql.target", "mmm.crm.sql.place"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(MissingLibraryError) as caught:
        open_target(address, environ={})
    assert str(caught.value).endswith(f"Run: pip install {cure}")
