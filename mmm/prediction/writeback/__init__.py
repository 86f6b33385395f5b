"""Writing scores back: plan, guards, ledger, sending, undo; nothing of any customer system.

In the order of use: `make_plan` compares scores with what was written, `check_plan` and its like
stop a night that is not ordinary, `open_ledger` keeps what is planned and sent, `send` sends it
through a `Caller`, `plan_undo` takes it back, `forget` takes a person out.
"""

from mmm.prediction.writeback.calls import Caller, Pace, Tell, silent
from mmm.prediction.writeback.changes import Change, Changes
from mmm.prediction.writeback.entries import OPEN, UNDONE, Batch, Draft
from mmm.prediction.writeback.guards import Guards, check_missing, check_plan, check_scores
from mmm.prediction.writeback.keys import Key, key_file, read_key
from mmm.prediction.writeback.ledger import Ledger, counts, finish, open_ledger
from mmm.prediction.writeback.letters import letters_file, write_letters
from mmm.prediction.writeback.lock import locked
from mmm.prediction.writeback.plan import Plan, batch_id, make_plan
from mmm.prediction.writeback.privacy import Forgotten, check_key, forget, forgotten, prune
from mmm.prediction.writeback.send import doubt, send, settle
from mmm.prediction.writeback.undo import find_batch, plan_undo
from mmm.prediction.writeback.values import choose_fields, digest_of, same
from mmm.prediction.writeback.whole import Replacement, compare_whole

__all__ = [
    "OPEN",
    "UNDONE",
    "Batch",
    "Caller",
    "Change",
    "Changes",
    "Draft",
    "Forgotten",
    "Guards",
    "Key",
    "Ledger",
    "Pace",
    "Plan",
    "Replacement",
    "Tell",
    "batch_id",
    "check_key",
    "check_missing",
    "check_plan",
    "check_scores",
    "choose_fields",
    "compare_whole",
    "counts",
    "digest_of",
    "doubt",
    "find_batch",
    "finish",
    "forget",
    "forgotten",
    "key_file",
    "letters_file",
    "locked",
    "make_plan",
    "open_ledger",
    "plan_undo",
    "prune",
    "read_key",
    "same",
    "send",
    "settle",
    "silent",
    "write_letters",
]
