"""A real Tryton on a database of its own, started for the tests and stopped after them.

To make the database takes half a minute, so it is kept under the user's cache, one for each set of
versions, and copied. What is in it is what ``trytond-admin`` made, and nothing else.
"""

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from importlib.metadata import distributions
from pathlib import Path

from tests.conftest import missing

PASSWORD = "correct horse, battery: staple/@"
USER = "scores"


class Tryton:
    """A running server, and what an administrator and people do in it by plain calls."""

    def __init__(self, folder, port, process):
        self.folder, self.port, self.process = folder, port, process
        self.url = f"http://127.0.0.1:{port}"
        self.address = f"{self.url}/crm"
        self.environ = {"TRYTON_USER": USER, "TRYTON_PASSWORD": PASSWORD}
        self.context, self.session = {}, None

    def rpc(self, method, *params):
        """Call a method as the administrator, in a session, as a password takes long to check."""
        if self.session is None:
            number, key, *_ = self._post("common.db.login", ["admin", {"password": PASSWORD}])
            self.session = base64.b64encode(f"admin:{number}:{key}".encode()).decode()
        return self._post(f"model.{method}", [*params, self.context])

    def _post(self, method, params):
        headers = {"Content-Type": "application/json"}
        if self.session is not None:
            headers["Authorization"] = f"Session {self.session}"
        body = json.dumps({"id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(f"{self.address}/rpc/", body, headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            said = json.load(answer)
        if "error" in said:
            raise RuntimeError(said["error"])
        return said["result"]

    def furnish(self):
        """Create a company, a customer, an employee, and the user of the job, who is no admin."""
        cent = {"__class__": "Decimal", "decimal": "0.01"}
        euro = {"name": "Euro", "code": "EUR", "symbol": "€", "rounding": cent, "digits": 2}
        currency = self.rpc("currency.currency.create", [euro])[0]
        names = ["Example company", "Acme", "Ann Example"]
        own, self.party, ann = self.rpc("party.party.create", [{"name": name} for name in names])
        company = {"party": own, "currency": currency}
        self.company = self.rpc("company.company.create", [company])[0]
        self.currency = currency
        admin = self.rpc("res.user.search", [["login", "=", "admin"]], 0, 1, None)
        member = {"companies": [["add", [self.company]]], "company": self.company}
        self.rpc("res.user.write", admin, member)
        self.context = self.rpc("res.user.get_preferences", True)
        employee = {"party": ann, "company": self.company}
        self.employee = self.rpc("company.employee.create", [employee])[0]
        groups = self.rpc("res.group.search", [["name", "ilike", "%opportunit%"]], 0, None, None)
        user = {"name": "Scores", "login": USER, "password": PASSWORD, **member}
        self.rpc("res.user.create", [{**user, "groups": [["add", groups]]}])

    def create(self, n, **values):
        """Create opportunities, and return their ids as a lead has them."""
        first = {"__class__": "date", "year": 2026, "month": 1, "day": 2}
        one = {
            "party": self.party, "company": self.company, "currency": self.currency,
            "employee": self.employee, "start_date": first, **values,
        }  # fmt: skip
        return [str(i) for i in self.rpc("sale.opportunity.create", [one] * n)]

    def fields(self, lead_id, *names):
        return self.rpc("sale.opportunity.read", [int(lead_id)], list(names))[0]

    def attachments(self, lead_id):
        asked = [["resource", "=", f"sale.opportunity,{lead_id}"]]
        names = ["name", "description"]
        return self.rpc("ir.attachment.search_read", asked, 0, None, [["id", "ASC"]], names)


def _script(name):
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        missing("Tryton (pip install trytond trytond-sale-opportunity)")
    return found


def _configuration(folder, port):
    path = folder / "trytond.conf"
    path.write_text(
        f"[database]\nuri = sqlite://\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n"
    )
    return path


def _make(folder):
    (folder / "crm.sqlite").touch()
    (folder / "word").write_text(PASSWORD)
    subprocess.run(
        [
            _script("trytond-admin"), "-c", _configuration(folder, 0), "-d", "crm",
            "-u", "sale_opportunity", "--activate-dependencies", "--email", "admin@example.com",
        ],
        env={**os.environ, "TRYTONPASSFILE": str(folder / "word")},
        check=True, capture_output=True, timeout=600,
    )  # fmt: skip


def prepared():
    """Return a database as ``trytond-admin`` makes it, made now or earlier."""
    _script("trytond-admin")
    names = {f"{d.name}=={d.version}" for d in distributions() if d.name.startswith("trytond")}
    made = hashlib.sha256("\n".join([*sorted(names), PASSWORD]).encode()).hexdigest()[:16]
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(home) / "mmm-tests"
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = cache / f"tryton-{made}.sqlite"
    with (cache / "tryton.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of several test workers makes it
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                _make(Path(scratch))
                os.replace(Path(scratch) / "crm.sqlite", kept)
    return kept


@contextlib.contextmanager
def running(folder):
    """Start Tryton on a fresh database in a folder, and stop it at the end."""
    shutil.copyfile(prepared(), folder / "crm.sqlite")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [_script("trytond"), "-c", _configuration(folder, port), "-d", "crm"],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _wait(process, port, folder)
        tryton = Tryton(folder, port, process)
        tryton.furnish()
        yield tryton
    finally:
        process.kill()
        process.wait()


def _wait(process, port, folder):
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"Tryton did not start: {(folder / 'log').read_text()[-2000:]}")
