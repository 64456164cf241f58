"""One record gives one answer, wherever it is read: on its page, on the page of its sweep, and in a notebook."""

import re
from pathlib import Path

from dlchkit.data import DIRECTIONS
from dlchkit.metrics.summary import summarise
from dlchkit.plotting import describe_verdict
from dlchkit.records import MethodRecord, RunRecord
from dlchkit.reports import SweepResults, write_report
from dlchkit.runs.run_state import Run

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


def test_a_verdict_weighs_quality_against_time():
    methods = {"joint": METHODS["joint"], "dlch": METHODS["dlch"]}
    headline, sentences = describe_verdict(methods, data="scenes")
    assert headline == "dlch ends .050 mAP below joint retraining, for 75% less training time"
    assert sentences.startswith(
        "On scenes, dlch ends at a mean mAP of .850 for image to text and .850 for text to image"
    )
    assert "one seed, so no interval" in sentences and "flatters the scores" in sentences
    headline, sentences = describe_verdict(methods | {"dlch": ending_at(0.85, [10, 30])}, data="scenes")
    assert "for 50% more training time" in headline and "for 50% more training time" in sentences


def test_without_joint_retraining_or_a_method_beside_it_there_is_no_verdict():
    assert describe_verdict({"dlch": METHODS["dlch"]}, data="x") is None
    assert describe_verdict({"joint": METHODS["joint"]}, data="x") is None
    at_once = MethodRecord(
        R={d: [[NAN, NAN], [0.9, 0.9]] for d in DIRECTIONS}, seconds=[NAN, 1], old_codes_unchanged=[]
    )
    assert describe_verdict({"joint": METHODS["joint"], "lsh": at_once}, data="x") is None


def test_what_a_sweep_found_once_is_shown_at_codes_of_64_bits_whatever_the_settings_are_called():
    runs = [
        Run(Path("s/n.ipynb"), {"note": "64 bits", "n_bits": n, "seed": 0}, Path(f"s/{n}"), "") for n in (16, 64, 128)
    ]
    done = {run.name: RunRecord("n", run.parameters, metrics={"a": {"map": 1}}, environment={}) for run in runs}
    grid = {"note": ["64 bits"], "n_bits": [16, 64, 128]}
    results = SweepResults("s", "A sweep", "s.yaml", "n", {}, grid, runs, done)
    assert str(results.reference) == "note 64 bits, 64 bits" and results.reference.n_bits == 64
