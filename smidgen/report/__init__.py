"""A run's records as a page, a terminal table and a markdown table."""

from smidgen.report.leaderboard import markdown_table, results_table
from smidgen.report.page import render_html, write_report

__all__ = ["markdown_table", "render_html", "results_table", "write_report"]
