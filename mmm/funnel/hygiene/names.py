"""Names, mail addresses and phone numbers as they are compared: without how they were typed."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

Relation = Literal["same", "typo", "ending", "part", "initial", "other", "unknown"]


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LEGAL = _set(
    "srl srls spa snc sas sapa ss scarl scrl scpa soc coop societa cooperativa ltd limited llc llp "
    "plc inc incorporated corp corporation co company gmbh mbh ag kg ohg ug se sa sarl sasu eurl "
    "bv nv oy ab as aps sl slu sro doo kft pty"
)
_FILLERS = _set("e ed and und et y the")
_TITLES = _set("dott dottssa dr ing mr mrs ms sig sigra prof avv geom rag arch")
_FREE_MAIL = re.compile(
    r"(gmail|googlemail|yahoo|ymail|hotmail|outlook|live|msn|aol|icloud|me|gmx|web|proton|"
    r"protonmail|libero|virgilio|alice|tim|tin|tiscali|fastwebnet|inwind|iol|email|mail|pec|"
    r"legalmail|arubapec|postecert|orange|wanadoo|laposte|free|t-online|freenet)"
    r"\.(com?|it|fr|de|net|eu|es|me|ch|at|example)(\.[a-z]{2})?"
)
SHARED_BOXES = _set(
    "info sales office admin amministrazione contatti contact contacts commerciale vendite "
    "marketing ufficio segreteria support hello mail noreply acquisti export hr"
)


def words(text: object, *, company: bool = True) -> tuple[str, ...]:
    """Return the words of a name: without case, accents, punctuation, legal form or title.

    Examples
    --------
    >>> words("Società Molini F.lli Bianchi S.r.l."), words("Dr. Ann Smith", company=False)
    (('molini', 'fratelli', 'bianchi'), ('ann', 'smith'))
    """
    if not isinstance(text, str):
        return ()
    if company:
        text = re.sub(r"&\s*c\b", " ", text, flags=re.IGNORECASE)
    text = re.sub(r"\bf\.?\s?lli\b", "fratelli", text, flags=re.IGNORECASE)
    found = _plain(re.sub(r"(?<=\b\w)\.\s?(?=\w\b)", "", text))
    drop = _LEGAL | _FILLERS if company else _TITLES
    return tuple(word for word in found if word not in drop) or found


def _plain(text: str) -> tuple[str, ...]:
    """Return the words of a text without case, accents and punctuation."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return tuple(re.findall(r"[^\W_]+", "".join(c for c in apart if not unicodedata.combining(c))))


def edits(left: str, right: str, limit: int = 2) -> int:
    """Count letters added, dropped, changed or swapped with their neighbour, up to `limit` + 1.

    The Damerau-Levenshtein distance in its optimal string alignment form.

    Examples
    --------
    >>> edits("machine", "macihne"), edits("pump", "pumps"), edits("mill", "valve")
    (1, 1, 3)
    """
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    left, right = left[start:], right[start:]
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, letter in enumerate(left, 1):
        earlier, before, row = before, row, [i]
        for j, other in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            swapped = i > 1 and j > 1 and letter == right[j - 2] and left[i - 2] == other
            row.append(min(cost, earlier[j - 2] + 1) if swapped else cost)
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)


def relate(left: Sequence[str], right: Sequence[str]) -> Relation:
    """Tell how two names are related, word by word and without regard to their order.

    "typo" is one or two letters in a long enough word without digits; "ending" a change of the
    last vowel alone, which also tells Paola from Paolo; "part" and "initial" are names of which
    one says less.

    Examples
    --------
    >>> relate(["metal", "tech"], ["metaltech"]), relate(["north", "mill"], ["mill", "nroth"])
    ('same', 'typo')
    >>> relate(["steel", "works"], ["steel", "workshop"])
    'other'
    """
    if not left or not right:
        return "unknown"
    a = list((Counter(left) - Counter(right)).elements())
    b = list((Counter(right) - Counter(left)).elements())
    if (not a and not b) or "".join(left) == "".join(right):
        return "same"
    if not a or not b:
        return "part" if min(len(left), len(right)) > 1 else "other"
    if len(a) == len(b) == 1:
        return _relate_words(a[0], b[0], alone=min(len(left), len(right)) == 1)
    if len(a) == len(b) == 2:
        for x, y in (((a[0], b[0]), (a[1], b[1])), ((a[0], b[1]), (a[1], b[0]))):
            if {_relate_words(*x), _relate_words(*y)} == {"typo"} and edits(*x) + edits(*y) == 2:
                return "typo"
    return "other"


def _relate_words(left: str, right: str, *, alone: bool = False) -> Relation:
    if 1 in (len(left), len(right)):
        return "initial" if left[0] == right[0] and not alone else "other"
    shortest = min(len(left), len(right))
    if shortest < 4 or re.search(r"\d", left + right):
        return "other"
    distance = edits(left, right)
    if distance > (2 if shortest >= 8 else 1):
        return "other"
    endings = distance == 1 and left[:-1] == right[:-1] and {left[-1], right[-1]} <= set("aeiou")
    return "ending" if endings else "typo"


def mail_key(value: object) -> tuple[str, str]:
    """Return the box and domain of a mail address, without case and tag; empty where it is none.

    Examples
    --------
    >>> mail_key(" Ann+Fair@Mill.example"), mail_key("a.n.n@googlemail.com"), mail_key("ann")
    (('ann', 'mill.example'), ('ann', 'gmail.com'), ('', ''))
    """
    box, at, domain = str(value).strip().casefold().rpartition("@")
    box = box.split("+")[0]
    if not isinstance(value, str) or not at or not box or "." not in domain:
        return "", ""
    if domain in {"gmail.com", "googlemail.com"}:
        box, domain = box.replace(".", ""), "gmail.com"
    return box, domain


def is_free_mail(domain: str) -> bool:
    """Tell whether a domain is that of a mail provider, not of a company.

    Examples
    --------
    >>> is_free_mail("gmail.com"), is_free_mail("mill.example")
    (True, False)
    """
    return _FREE_MAIL.fullmatch(domain) is not None


def phone_key(value: object) -> str:
    """Return the last nine digits of a phone number; empty for fewer than seven or a filler.

    Examples
    --------
    >>> phone_key("+39 02 555-1234"), phone_key("0039 025551234"), phone_key("000000000")
    ('025551234', '025551234', '')
    """
    digits = re.sub(r"\D", "", value) if isinstance(value, str) else ""
    filler = len(set(digits)) <= 2 or digits in "01234567890"
    return "" if len(digits) < 7 or filler else digits[-9:]


def site_key(value: object) -> str:
    """Return the domain of a web address.

    Examples
    --------
    >>> site_key("https://www.mill.example/contact")
    'mill.example'
    """
    found = re.match(r"\s*(?:https?://)?(?:www\.)?([^/:\s?#]+\.[^/:\s?#]+)", str(value).casefold())
    return found.group(1) if isinstance(value, str) and found else ""


def deletions(text: str) -> list[str]:
    """Return a text and what is left of it without one letter.

    Two texts one slip apart have one of these in common.

    Examples
    --------
    >>> deletions("abc")
    ['abc', 'bc', 'ac', 'ab']
    """
    return [text, *(text[:i] + text[i + 1 :] for i in range(len(text)))] if text else []


def unify(counts: Mapping[str, int]) -> dict[str, str]:
    """Find the spellings of one name, and the commonest of them.

    One name: equal but for case, accents, punctuation, blanks and order of words; or one slip
    apart in words of six letters or more, where one is at most a fifth as common as the other.

    Parameters
    ----------
    counts : mapping of str to int
        Spelling to how often it is written.

    Returns
    -------
    dict of str to str
        Rarer spelling to the commonest one.

    Examples
    --------
    >>> unify({"GTX Pro": 9, "GTXPro": 2, "gtx-pro": 1, "Webinar": 5, "Wbeinar": 1})
    {'GTXPro': 'GTX Pro', 'Wbeinar': 'Webinar', 'gtx-pro': 'GTX Pro'}
    """
    ranked = sorted(counts, key=lambda spelling: (-counts[spelling], spelling))
    tokens = {spelling: _plain(spelling) for spelling in ranked}
    leader: dict[str, str] = {}  # normal form to its commonest spelling
    same: dict[str, str] = {}
    for spelling in ranked:
        forms = _forms(spelling, tokens[spelling])
        top = next((leader[form] for form in forms if form in leader), spelling)
        for form in forms:
            leader.setdefault(form, top)
        same[spelling] = top
    total = Counter[str]()
    for spelling, top in same.items():
        total[top] += counts[spelling]
    slips = _slips(sorted(total, key=lambda top: (-total[top], top)), total, tokens)
    found = {spelling: slips.get(top, top) for spelling, top in same.items()}
    return {spelling: found[spelling] for spelling in sorted(found) if found[spelling] != spelling}


def _forms(spelling: str, tokens: tuple[str, ...]) -> tuple[str, ...]:
    compact = "".join(tokens)
    if len(compact) < 3:  # C, C++ and C# are three names
        return (spelling.casefold().strip(),)
    return compact, " ".join(sorted(tokens))


def _slips(
    names: Sequence[str], total: Mapping[str, int], tokens: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    """Return the rare names that are a slip away from a common one."""
    by_form: dict[str, list[str]] = {}
    slips: dict[str, str] = {}
    for name in names:
        forms = deletions("".join(tokens[name]))
        for common in dict.fromkeys(other for form in forms for other in by_form.get(form, ())):
            differing = set(tokens[name]) ^ set(tokens[common])
            rare = total[name] <= max(1, total[common] // 5)
            long = all(len(word) >= 6 for word in differing)
            if rare and long and relate(tokens[name], tokens[common]) == "typo":
                slips[name] = common
                break
        else:
            for form in forms:
                by_form.setdefault(form, []).append(name)
    return slips
