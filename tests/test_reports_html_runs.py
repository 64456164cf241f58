"""The report is one honest, self-contained page, whatever the records hold."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from report_pages import EVIL, Page

from dlchkit.data import DIRECTIONS
from dlchkit.records import MethodRecord, RunRecord
from dlchkit.reports import write_report
from dlchkit.runs.notebook import notebook_metadata, read_parameters
from dlchkit.storage import resource_folder

NAN = float("nan")
ENVIRONMENT = {"python": "3.12", "versions": {"numpy": "2.0", "papermill": None}, "device": "cpu", "threads": 1}


def method(R, seconds, codes="learned"):
    return MethodRecord(
        R=dict.fromkeys(DIRECTIONS, R), seconds=seconds, old_codes_unchanged=[True] * len(seconds), database_codes=codes
    )


def stream_record(**changes):
    methods = {
        "joint": method([[0.9, NAN], [0.8, 0.7]], [10, 20]),
        "finetune": method([[0.9, NAN], [0.3, 0.7]], [10, 5]),
        "dlch": method([[0.85, NAN], [0.78, 0.68]], [10, 4]),
    }
    findings = {"data": "scenes", "n_pairs": 2400, "split_digest": "ab12"}
    fields = {
        "notebook": "03_increments",
        "parameters": {"n_bits": 32},
        "methods": methods,
        "findings": findings,
        "environment": ENVIRONMENT,
    }
    return RunRecord(**fields | changes)


def transfer_record(**changes):
    metrics = {
        "target only": {"map_image_to_text": 0.61, "map_text_to_image": 0.58},
        "CHTN": {"map_image_to_text": 0.72, "map_text_to_image": NAN},
    }
    fields = {"notebook": "02_transfer", "parameters": {}, "metrics": metrics, "environment": ENVIRONMENT}
    return RunRecord(**fields | changes)


@pytest.fixture
def report(tmp_path):
    """Save records, one folder each, write the report of them and further folders, and parse it."""

    def write(*records, folders=()):
        saved = []
        for number, record in enumerate(records):
            saved.append(tmp_path / f"run{number}")
            record.save(saved[-1])
        return Page(write_report([*saved, *folders], tmp_path / "report.html"))

    return write


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page of two good runs, for all tests that only read."""
    folder = tmp_path_factory.mktemp("runs")
    transfer_record().save(folder / "transfer")
    stream_record().save(folder / "stream")
    return Page(write_report([folder / "transfer", folder / "stream"], folder / "report.html"))


def test_the_page_stands_alone_is_small_and_in_order(page):
    page.check_order()
    assert len(page.all("script")) == 1, "the one that sorts tables"


def test_every_drawing_has_words(page):
    panels, bars = (page.source.count(f'<svg class="{kind}"') for kind in ("panel", "bar"))
    assert panels == bars == 6  # three methods, two directions
    assert (
        "image to text, dlch: mean mAP .850 after stage 0, .730 after stage 1; joint retraining ends at .750."
        in page.source
    )


def test_the_headline_answers_from_the_numbers(page):
    assert "dlch ends .020 mAP below joint retraining, for 80% less training time" in page.words
    assert "one seed, so no interval: a few hundredths can be chance" in page.words
    assert page.words.index("Classes arriving in stages, scenes") < page.words.index("Transfer from labelled images")


def test_without_joint_retraining_the_page_does_not_judge(report):
    record = stream_record()
    del record.methods["joint"]
    page = report(record)
    assert "cannot say how good lifelong hashing is" in page.words and "Forgetting and transfer" in page.words


def test_the_table_holds_the_measures_and_marks_the_best(page):
    assert page.words.count("best: .750") == 2  # joint's mAP, in each direction
    from_joint = [
        cells[2][1].split() for name, cells in page.rows("Forgetting and transfer, ").items() if name == "dlch"
    ]
    assert from_joint == [[".020"]]
    assert "best: 80.0" in page.words and "best: 14.0" in page.words and "learned from the items' labels" in page.words


def test_methods_with_different_database_codes_come_with_a_warning(report, page):
    assert "do not compare fairly" not in page.words
    record = stream_record()
    record.methods["dlch"].database_codes = "encoded"
    assert "do not compare fairly" in report(record).words


def test_what_users_wrote_is_escaped(report, tmp_path):
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "ok.png")
    record = stream_record(
        parameters={EVIL: EVIL},
        metrics={EVIL: {"map": 0.5}},
        findings={"data": EVIL, "classes": [EVIL], EVIL: 1},
        figures=[{"file": "ok.png", "alt": f'"{EVIL}', "caption": EVIL}],
    )
    record.methods[EVIL] = record.methods["dlch"]
    (tmp_path / "run0").mkdir()
    (tmp_path / "ok.png").rename(tmp_path / "run0" / "ok.png")
    page = report(record)
    assert len(page.all("script")) == 1 and EVIL in page.words and page.all("img")[-1]["alt"] == f'"{EVIL}'


def test_missing_and_broken_runs_are_listed_and_the_rest_goes_on(report, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "result.json").write_text("{nonsense", encoding="utf-8")
    odd = stream_record()
    odd.methods["dlch"] = method([[0.9]], [1])
    page = report(stream_record(), odd, stream_record(status="running"), folders=[tmp_path / "absent", broken])
    listed = page.words[page.words.rindex("Failed and missing runs") : page.words.rindex("Provenance")]
    assert (
        all(name in listed for name in ("absent", "broken", "run1", "run2"))
        and "not readable JSON" in listed
        and "running" in listed
    )
    assert "run0" not in listed and str(tmp_path) not in page.source and "dlch ends .020 mAP" in page.words


def test_no_runs_at_all_still_make_a_page(report):
    assert "cannot say" in report().words


def test_own_figures_stay_inside_their_folder(report, tmp_path):
    folder = tmp_path / "run0"
    folder.mkdir()
    for place, shade in ((folder / "mine.png", 10), (tmp_path / "secret.png", 20)):
        Image.fromarray(np.full((4, 4, 3), shade, np.uint8)).save(place)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "text.png").write_text("no picture", encoding="utf-8")
    (folder / "program.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nloop\n", encoding="utf-8")
    files = ["mine.png", "link.png", "text.png", "program.png", "gone.png"]
    outside = ["../secret.png", str(tmp_path / "secret.png"), ""]
    figures = [
        [{"file": file, "alt": f"alt {file}"} for file in files],
        *([{"file": file, "alt": "outside"}] for file in outside),
    ]
    page = report(
        *(RunRecord(notebook="00_tour", parameters={}, figures=of_one, environment=ENVIRONMENT) for of_one in figures)
    )
    assert [image["alt"] for image in page.all("img")] == ["alt mine.png"]
    assert (
        page.words.count("lies outside its run's folder") >= 3
    )  # a record that names a place outside may be refused as a whole


def test_too_many_pictures_are_left_out_in_words(report, tmp_path, monkeypatch):
    monkeypatch.setattr("dlchkit.plotting.embedded_pictures._MOST_BYTES", 30_000)
    (tmp_path / "run0").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)  # 12 kB as PNG
    Image.fromarray(noise).save(tmp_path / "run0" / "noise.png")
    page = report(
        RunRecord(
            notebook="00_tour",
            parameters={},
            figures=[{"file": "noise.png", "alt": "noise"}] * 4,
            environment=ENVIRONMENT,
        )
    )
    assert len(page.all("img")) == 2 and page.words.count("would grow past 2 MB") == 2


def test_runs_with_one_title_are_told_apart(report):
    page = report(transfer_record(), transfer_record())
    assert "Transfer from labelled images (run0)" in page.words and "images (run1)" in page.words


def test_a_notebook_says_its_own_title(tmp_path):
    titles = {"own": "My words", "none": None, "odd": ["no", "text"]}
    for name, title in titles.items():
        RunRecord("my_notebook", {}, metrics={name: {"map": 0.5}}, environment=ENVIRONMENT).save(tmp_path / name)
        content = {"cells": [], "metadata": {"dlchkit": {"title": title}}, "nbformat": 4, "nbformat_minor": 5}
        (tmp_path / name / "my_notebook.ipynb").write_text(json.dumps(content))
    page = Page(write_report([tmp_path / name for name in titles], tmp_path / "report.html"))
    assert all(title in page.words for title in ("My words", "my_notebook (none)", "my_notebook (odd)"))
    assert "my_notebook (own)" not in page.words


@pytest.mark.parametrize("path", sorted(resource_folder("notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_notebook_of_the_kit_says_what_it_is(path):
    found = notebook_metadata(path)
    assert found.title != path.stem and found.subject and found.reads_runs == ("runs" in read_parameters(path))


def test_provenance_names_parameters_and_versions(page):
    provenance = page.words[page.words.rindex("Provenance") :]
    assert all(
        part in provenance
        for part in ("n_bits=32", "seeds 0", "seed 0: ab12", "numpy 2.0", "papermill not installed", "threads 1")
    )
    assert provenance.count("Environment of") == 1


def test_odd_records_do_not_stop_the_page(report):
    odd = {
        "notebook": "06_mine",
        "parameters": {"rate": None},
        "metrics": {"plain": 0.25},
        "findings": {"deep": {"list": [1, 2.5, None]}},
    }
    page = report(
        RunRecord(**odd, environment={"gpus": ["a"], "versions": None}),
        RunRecord(**odd | {"findings": []}, environment={}),
    )
    assert "06_mine" in page.words and ".250" in page.words and "list: 1, 2.500, –" in page.words
    assert "run1" in page.words[page.words.rindex("Failed and missing runs") : page.words.rindex("Provenance")]


def test_a_method_that_learned_all_at_once_keeps_no_codes_and_forgets_nothing(tmp_path):
    nan = float("nan")
    methods = {
        "joint": MethodRecord(
            R={d: [[0.9, nan], [0.8, 0.7]] for d in DIRECTIONS}, seconds=[10, 20], old_codes_unchanged=[True, False]
        ),
        "dcmh": MethodRecord(
            R={d: [[nan, nan], [0.5, 0.4]] for d in DIRECTIONS}, seconds=[nan, 7.0], old_codes_unchanged=[]
        ),
    }
    RunRecord("03_increments", {}, methods=methods).save(tmp_path)
    page = Page(write_report([tmp_path], tmp_path / "report.html"))
    words = {name: [" ".join(cell[1].split()) for cell in page.rows(name)["dcmh"]] for name in ("mAP, ", "Cost, ")}
    assert words["mAP, "] == [".450", ".450"] and words["Cost, "] == [
        "best: 7.0".replace("best", "★best"),
        *["–not defined"] * 3,
    ]
    assert "dcmh" not in page.rows("Forgetting and transfer, ")


# --- what single queries found ---


def example(**changes):
    """A caption that found a right and a wrong picture."""
    found = [
        {"id": "scene-3", "text": "a cat", "labels": ["cat"], "distance": 4, "right": True},
        {"id": "scene-5", "text": "a moon", "labels": [], "distance": 4, "right": False},
    ]
    entry = {
        "direction": "text_to_image",
        "method": "dlch",
        "query": {"id": "scene-7", "text": "a tabby", "labels": ["cat", "tree"]},
        "found": found,
    }
    return entry | changes


def with_examples(examples, **findings):
    return RunRecord(
        notebook="03_increments",
        parameters={},
        findings={"data": "scenes", "examples": examples} | findings,
        environment=ENVIRONMENT,
    )


def test_what_queries_found_is_told_in_words_and_folded(report):
    page = report(with_examples([example(), example(direction="image_to_text")]))
    assert len(page.all("details")) == 2 and all("open" not in attributes for attributes in page.all("details"))
    words = page.words[page.words.index("Pictures and what was found") : page.words.index("Provenance What")]
    assert (
        "1 caption and what it found (text to image, dlch), 1 of 2 right" in words
        and "1 picture and what it found (image to text, dlch)" in words
    )
    assert words.count("“a tabby”") == 2
    assert "labels: cat, tree; id: scene-7" in words
    assert "Picture scene-7" in words
    assert words.count("✓ right 4 “a cat” cat; scene-3") == 2
    assert words.count("✗ wrong 4 “a moon” no label; scene-5") == 2
    assert words.index("✓ right") < words.index("✗ wrong") and "malformed" not in words and "shape" not in words
    assert "examples" not in page.words  # no entry of the list of findings


def test_pictures_stand_above_what_they_show(report, tmp_path):
    folder = tmp_path / "run0"
    folder.mkdir()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(folder / "examples.png")
    record = with_examples([example()])
    record.figures = [{"file": "examples.png", "alt": "black", "caption": "All is black."}]
    source = report(record).source
    assert (
        source.index("Pictures and what was found")
        < source.index('alt="black"')
        < source.index('<details class="found"')
    )


def test_a_typed_query_is_judged_by_what_was_meant_or_not_at_all(report):
    typed = {"id": None, "text": "a tabby", "labels": ["cat"]}
    page = report(with_examples([example(query=typed)]))
    assert (
        "typed, meant: cat" in page.words and "Right: has all labels that were meant by what was typed." in page.words
    )
    unjudged = [item | {"right": None} for item in example()["found"]]
    page = report(with_examples([example(query=typed | {"labels": []}, found=unjudged)]))
    assert page.words.count("not judged 4") == 2 and "meant: not said" in page.words
    assert not any(word in page.words for word in ("Right:", "✓", "✗", "of 2 right"))


def test_hostile_captions_stay_words(report):
    item = {"id": EVIL, "text": f'"{EVIL}', "labels": [EVIL], "distance": 0, "right": False}
    query = {"id": EVIL, "text": EVIL, "labels": [EVIL]}
    examples = [example(method=EVIL, query=query, found=[item], direction=direction) for direction in DIRECTIONS]
    page = report(with_examples(examples, rows=[{EVIL: EVIL}]))
    assert len(page.all("script")) == 1 and page.words.count(EVIL) > 10
    assert {
        attributes["aria-label"] for attributes in page.all("div") if EVIL in attributes.get("aria-label", "")
    }  # quoted, so still whole


def test_half_a_character_does_not_stop_the_page(report):
    page = report(with_examples([example(query={"id": "x", "text": "half \ud800 of it", "labels": []})]))
    assert "half ? of it" in page.words


@pytest.mark.parametrize(
    "malformed",
    [
        None,
        "text",
        {},
        7,
        [None],
        [[]],
        [{}],
        [example(direction="sideways")],
        [example(direction=["text_to_image"])],
        [example(method=None)],
        [example(query=None)],
        [example(query={"id": 7, "text": "x", "labels": []})],
        [example(query={"id": "x", "text": "x", "labels": "cat"})],
        [example(query={"id": "x", "labels": []})],
        [example(found=None)],
        [example(found=[None])],
        *(
            [example(found=[example()["found"][0] | {key: value}])]
            for key, value in [("id", None), ("text", 1), ("labels", [1]), ("right", 1)]
        ),
        *(
            [example(found=[example()["found"][0] | {"distance": value}])]
            for value in (None, "4", -1, 4.5, True, 10**400)
        ),
    ],
    ids=repr,
)
def test_malformed_examples_are_left_out_and_the_page_says_so(report, malformed):
    good = example(query={"id": "scene-9", "text": "still here", "labels": []})
    listed = [*malformed, good] if isinstance(malformed, list) else malformed
    page = report(with_examples(listed))
    assert "has not the shape that dlchkit writes" in page.words and "None: all runs are complete." in page.words
    assert len(page.all("details")) == page.words.count("still here") == isinstance(malformed, list)


def test_no_examples_leave_no_trace(report):
    page = report(with_examples([]))
    assert "Pictures and what was found" not in page.words and "shape" not in page.words


def test_very_many_examples_stay_small(report):
    item = example()["found"][0]
    many = [example(found=[item] * 30)] * 40
    long = example(found=[item | {"text": "word " * 200_000, "labels": ["label"] * 50_000, "id": "i" * 200_000}])
    page = report(with_examples([long, *many]))
    assert len(page.source) < 800_000 and "10 more stand" in page.words and "What 17 more queries found" in page.words
    assert "24 captions and what they found (text to image, dlch), 691 of 691 right" in page.words


def test_findings_that_are_rows_become_a_table(report):
    rows = [{"way": "mmd", "p_value": 0.0123, "seen": [1, 2]}, {"way": "kl", "p_value": None, "seen": []}]
    page = report(with_examples([], tests=rows, odd=[{"a": 1}, {"b": 2}], long=[{"n": i} for i in range(60)]))
    cells = [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[hd][ >].*?</t[hd]>", page.source)]
    assert cells[:9] == ["way", "p value", "seen", "mmd", "0.012", "1, 2", "kl", "–not defined", "none"]
    assert (
        "a: 1, b: 2" in page.words and "20 more rows stand" in page.words and cells[-40:] == [str(i) for i in range(40)]
    )
    page = report(with_examples([], tests={"all": {"score": 0.5, "gain": 0.1}, "nothing": {"score": 0.4}}))
    assert re.findall(r"<td[^>]*>(?:<span[^>]*>)*([^<]+)", page.source)[-6:] == [
        "all",
        "0.500",
        "0.100",
        "nothing",
        "0.400",
        "–",
    ]


def test_label_budgets_and_the_bias_of_the_source_are_drawn_where_they_hold_together(report):
    rows = {direction: [[0.3, 0.4], [0.5, 0.6]] for direction in ("image_to_text", "text_to_image")}
    budget = {
        "budgets": [5, 20],
        "seeds": [0, 1],
        "labelled_pairs": [[9, 9], [40, 40]],
        "variants": {"no transfer": rows, "CHTN": rows},
        "references": {},
    }
    bias = {
        "class_names": ["a", "b"],
        "distance": [0.5, 0.7],
        "before": {"image": [0.2, None]},
        "after": {"image": [0.6, 0.4]},
        "rank_correlation": {"image": 0.1},
    }
    page = report(with_examples([], label_budget=budget, source_bias=bias))
    assert "From 5 to 20 labelled pairs per class" in page.words and "the gains lie between those of a" in page.words
    assert "label budget" not in page.words and "source bias" not in page.words
    for image in page.all("img"):
        picture = Image.open(io.BytesIO(base64.b64decode(image["src"].partition(",")[2])))
        assert str(picture.width) == image["width"] and image["alt"].strip()
    assert len(page.all("img")) == 2
    undefined = budget | {"variants": {"no transfer": {direction: [[0.3, 0.4], [0.5, None]] for direction in rows}}}
    page = report(with_examples([], label_budget=undefined))
    assert "No picture: value 1 is nan" in page.words and "no transfer" in page.rows("Labelled pairs per class, ")
    page = report(with_examples([], label_budget={"budgets": [5]}), with_examples([], source_bias=[1]))
    assert "run0: the record does not hold together (KeyError" in page.words and "source bias" in page.words
