"""Special categories of personal data, known by the names of their columns."""

import re
import unicodedata

# Article 9(1) of Regulation (EU) 2016/679. Stems end in *; several words must all stand in the
# name. Sex, age and nationality are not on that list.
_NAMES = {
    "health": (
        "health|salute|medical*|medic*|illness|sickness|disease*|diagnos*|disab*|handicap*|"
        "malattia|malattie|patolog*|invalidita|gravidanza|pregnan*|allerg*|hiv|blood|sanguigno|"
        "sick leave|mental*|psichic*|vaccin*|terapia|therapy"
    ),
    "religion": (
        "religio*|church|chiesa|confessione religiosa|faith|fede religiosa|beliefs|credo|"
        "philosophical*|convinzioni filosofiche"
    ),
    "ethnicity": "ethnic*|etnia|etnie|etnic*|race|razza|racial*|razzial*|skin colo*|colore pelle",
    "politics": (
        "political|politics|politici|politico|politiche opinioni|politica opinione|"
        "politica appartenenza|politica fede|politica affiliazione|partito|party affiliation|"
        "party membership|voting intention*|intenzione voto"
    ),
    "trade union": (
        "trade union*|labor union*|labour union*|union member*|unionized|unionised|union card|"
        "sindacat*|sindacal*"
    ),
    "sexual life": (
        "sexual*|sessual*|sex life|orientation sex*|gay|lgbt*|omosessual*|homosexual*|transgender"
    ),
    "biometric or genetic data": (
        "biometr*|fingerprint*|impronta digitale|impronte digitali|facial recognition|face id|"
        "riconoscimento facciale|retina*|iris scan|voiceprint|dna|genetic*|genom*"
    ),
}
# The state of an account, an industry, or a browser is not the state of a person.
_INNOCENT = re.compile(
    r"\b(account|customer|client|deal|pipeline|system|list|data|domain|cliente|sector|settore|"
    r"industry|segment|insurance|device|browser|vertical|market|mercato) (health|salute|medical\w*"
    r"|medic\w*|fingerprint\w*|genetic\w*|dna)\b|\bhealth (score|check|index|status code|care|tech)"
    r"|\b(fingerprint|medical|health|dna|biometric) (industry|sector|device|vertical|product\w*)\b"
    r"|\b(product|prodotto|interest|interesse) (\w+ )?(medical|biometr|health|salute)\w*"
)


def special_category(name: str) -> str | None:
    """Tell which special category of personal data the name of a column announces.

    Health, religion or belief, ethnicity, politics, trade union, sexual life, biometric and
    genetic data, in English and Italian. A name alone is judged, never the values.

    Parameters
    ----------
    name : str

    Returns
    -------
    str or None

    References
    ----------
    Regulation (EU) 2016/679, article 9(1).

    Examples
    --------
    >>> special_category("stato_di_salute"), special_category("TradeUnionMember")
    ('health', 'trade union')
    >>> special_category("account_health_score") is None
    True
    """
    words = name_words(name)
    if _INNOCENT.search(" ".join(words)):
        return None
    for category, patterns in _NAMES.items():
        for pattern in patterns.split("|"):
            if all(any(_fits(word, part) for word in words) for part in pattern.split()):
                return category
    return None


def name_words(name: str) -> tuple[str, ...]:
    """Split the name of a column into plain words: camel case, accents and signs undone.

    Examples
    --------
    >>> name_words("Età_delCliente-2")
    ('eta', 'del', 'cliente', '2')
    """
    apart = re.sub(r"(?<=[a-z\d])(?=[A-Z])", " ", name)
    plain = unicodedata.normalize("NFKD", apart).encode("ascii", "ignore").decode().lower()
    return tuple(re.findall(r"[a-z]+|\d+", plain))


def _fits(word: str, part: str) -> bool:
    return word.startswith(part[:-1]) if part.endswith("*") else word == part
