"""Clients that take long to be imported, for the server from which processes are forked."""

from contextlib import suppress

from mmm.crm.open import open_target
from mmm.errors import MissingLibraryError

with suppress(MissingLibraryError):
    open_target("hubspot:", environ={"HUBSPOT_TOKEN": "none"}).close()
with suppress(MissingLibraryError):
    open_target("sqlite:///none.db", environ={}).close()
