"""A run's records as a page, a terminal table, a markdown table, and rows of a tracked file."""

from smidgen.report.leaderboard import markdown_table, results_table
from smidgen.report.page import render_html, write_report
from smidgen.report.record_file import load_records, save_records

__all__ = ["load_records", "markdown_table", "render_html", "results_table", "save_records", "write_report"]
