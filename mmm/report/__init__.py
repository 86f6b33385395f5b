"""Results and findings as pages that people read."""

from mmm.report.brief import Brief, render_brief, write_brief

__all__ = ["Brief", "render_brief", "write_brief"]
