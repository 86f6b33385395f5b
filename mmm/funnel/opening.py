"""The first words of a result: one sentence that matters, then what kind of thing it is."""

from dataclasses import replace

from mmm.wording import Finding


def opening(sentence: Finding | str, kind: str) -> str:
    """Return the statement of a finding without reasons and action, and a line on its kind.

    Parameters
    ----------
    sentence : Finding or str
    kind : str
        What the object is and holds.

    Examples
    --------
    >>> print(opening("3 of 86 won deals have no origin.", "Hygiene: 21 checks"))
    3 of 86 won deals have no origin.
    <Hygiene: 21 checks>
    """
    if isinstance(sentence, Finding):
        sentence = replace(sentence, because=(), action=None).sentence()
    return f"{sentence}\n<{kind}>"
