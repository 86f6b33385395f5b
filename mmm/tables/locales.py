"""How a country writes numbers, dates and CSV files."""

from dataclasses import dataclass

from mmm.errors import ConfigError, quoted


@dataclass(frozen=True)
class Locale:
    """Conventions of one profile.

    Attributes
    ----------
    name : str
    decimal, thousands : str
        Separators within a number.
    day_first : bool or None
        Order of ``03/04/2024``. None: only a date that settles it by itself is read.
    delimiter : str
        Usual separator of CSV fields; the header line decides where it is clear.
    """

    name: str
    decimal: str
    thousands: str
    day_first: bool | None
    delimiter: str


LOCALES = {
    "it": Locale("it", ",", ".", True, ";"),
    "en_GB": Locale("en_GB", ".", ",", True, ","),
    "en_US": Locale("en_US", ".", ",", False, ","),
    "en": Locale("en", ".", ",", None, ","),
}


def find_locale(name: str | None) -> Locale | None:
    """Return the profile of that name; None stays None.

    Raises
    ------
    ConfigError
        If the profile is unknown.

    Examples
    --------
    >>> find_locale("it").decimal
    ','
    """
    if name is None:
        return None
    if name not in LOCALES:
        raise ConfigError(
            f"locale {name!r} is unknown. Use one of {quoted(LOCALES)}, or None to let clear "
            "values speak for themselves."
        )
    return LOCALES[name]
