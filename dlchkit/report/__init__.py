"""One self-contained HTML page from run records: what was found, and what it rests on.

The way from records to the page, one file each::

    runs         the page of single runs, a section each
    sweeps       the page of sweeps, a section each, with intervals over seeds
    answer       the sentences that answer the question
    tables       tables that a reader sorts
    drawings     heat maps, curves and bars, as the templates draw them
    provenance   what failed, what is missing, what the numbers rest on
    found        what single queries found, and the check of its shape
    notebooks    executed notebooks as HTML without code
    formulas     TeX in a notebook's words as pictures
    template     from values to HTML
"""

from dlchkit.report.runs import write_report
from dlchkit.report.sweeps import write_folder_report

__all__ = ["write_folder_report", "write_report"]
