"""Formulas: LaTeX in a fenced block becomes MathML."""

from typing import Any

from latex2mathml.converter import convert


def fence(source: str, language: str, css_class: str, options: Any, md: Any, **kwargs: Any) -> str:
    """Return one displayed formula; the signature is that of SuperFences."""
    lines = [line for line in source.split("\n\n") if line.strip()]
    return "".join(
        f'<div class="{css_class}">{convert(" ".join(line.split()), display="block")}</div>'
        for line in lines
    )
