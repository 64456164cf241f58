"""One record gives one answer, wherever it is read: on its page, on the page of its sweep, and in a notebook."""

import re

from dlchkit.metrics.summary import summarise
from dlchkit.plotting import describe_verdict
from dlchkit.records import DIRECTIONS, MethodRecord, RunRecord
from dlchkit.reports import write_report

NAN = float("nan")


def ending_at(score, seconds):
    return MethodRecord(
        R={direction: [[0.95, NAN], [score, score]] for direction in DIRECTIONS},
        seconds=seconds,
        old_codes_unchanged=[True, True],
    )


METHODS = {"joint": ending_at(0.90, [10, 20]), "dlch": ending_at(0.85, [10, 5]), "exact": ending_at(0.92, [10, 10])}


def test_the_page_of_a_run_and_its_notebook_name_the_same_method(tmp_path):
    RunRecord("03_increments", {}, methods=METHODS, metrics=summarise(METHODS), environment={}).save(tmp_path)
    page = write_report([tmp_path], tmp_path / "report.html").read_text(encoding="utf-8")
    headline, sentences = describe_verdict(METHODS, data="scenes")
    assert (
        headline
        == re.search("<h1>(.*)</h1>", page).group(1)
        == ("exact ends .020 mAP above joint retraining, for 50% less training time")
    )
    assert "exact, the best of 2 methods that learn stage by stage, ends at a mean mAP of .920" in sentences
