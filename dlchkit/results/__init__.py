"""What the runs of sweeps say together: tidy rows, and a Markdown page of tables with intervals over seeds.

The way from records to the page, one file each:

    collect      records of one sweep, by setting and seed; tidy rows
    cells        numbers as text, Markdown tables
    scores       tables that the runs of any notebook can fill
    increments   tables about classes arriving in stages
    budgets      tables about label budgets
    page         the page
"""

from dlchkit.results.collect import SweepResults, encode_rows, read_results, write_rows
from dlchkit.results.page import write_page

__all__ = ["SweepResults", "encode_rows", "read_results", "write_page", "write_rows"]
