"""What runs say together: HTML pages, a Markdown page and tidy rows, from their records alone.

The way from records to pages, one file each::

    read_runs       records of sweeps and of single runs, by setting and seed
    rows            tidy rows
    cells           numbers with intervals, tables
    tables, budget_tables   one table for each subject
    drawings        curves and bars, as the templates draw them
    provenance      what a page rests on, and what is not in it
    sections        what a page tells of one sweep, for HTML and Markdown
    html_page, templates   the HTML page
    markdown_page   the Markdown page
    found_examples  what single queries found, and the check of its shape
    notebook_pages, formulas   executed notebooks as HTML without code

The answer itself, which method is best, comes from `dlchkit.plotting.verdict`.
"""

from dlchkit.reports.html_page import write_folder_report, write_report
from dlchkit.reports.markdown_page import write_page
from dlchkit.reports.read_runs import SweepResults, read_results
from dlchkit.reports.rows import encode_rows, write_rows

__all__ = [
    "SweepResults",
    "encode_rows",
    "read_results",
    "write_folder_report",
    "write_page",
    "write_report",
    "write_rows",
]
