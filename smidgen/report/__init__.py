"""A run's records as a page, a terminal table, a markdown table, and rows of a tracked file."""

from smidgen.report.leaderboard import markdown_table, results_table
from smidgen.report.page import render_html, write_report
from smidgen.report.record_file import load_records, save_records
from smidgen.report.study import load_localisation, save_localisation
from smidgen.report.study_page import render_study, write_study
from smidgen.report.study_table import localisation_markdown, study_table

__all__ = [
    "load_localisation",
    "load_records",
    "localisation_markdown",
    "markdown_table",
    "render_html",
    "render_study",
    "results_table",
    "save_localisation",
    "save_records",
    "study_table",
    "write_report",
    "write_study",
]
