"""Results and findings as pages that people read."""

from mmm.report.agenda import render_agenda, write_agenda
from mmm.report.brief import Brief, render_brief, write_brief
from mmm.report.page import brief_of, write_results

__all__ = [
    "Brief",
    "brief_of",
    "render_agenda",
    "render_brief",
    "write_agenda",
    "write_brief",
    "write_results",
]
