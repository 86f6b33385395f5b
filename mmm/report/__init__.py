"""Results and findings as pages that people read."""

from mmm.report.brief import Brief, render_brief, write_brief
from mmm.report.page import brief_of, write_results

__all__ = ["Brief", "brief_of", "render_brief", "write_brief", "write_results"]
