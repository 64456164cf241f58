"""The page of sweeps: every number is one that numpy finds in the records, and what is not in it is named."""

import json
import math
import re
import shutil
import subprocess
from dataclasses import replace
from urllib.parse import unquote

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image
from report_pages import BITS, EVIL, METHODS, SEEDS, Page, at_bits, finish, finished, made_up, plan

from dlchkit.cli import main
from dlchkit.data import DIRECTIONS
from dlchkit.metrics import Interval
from dlchkit.plotting.verdict import answer, headline
from dlchkit.records import RunRecord
from dlchkit.reports import read_results, write_folder_report
from dlchkit.reports.drawings import curves, drops
from dlchkit.reports.notebook_pages import write_notebook_page
from dlchkit.reports.provenance import terms_of

T_2 = 4.302652729696142  # Student's t, 97.5%, 2 degrees of freedom


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """A folder with one complete sweep, its page and its results."""
    folder = tmp_path_factory.mktemp("complete")
    finished(folder)
    page = Page(write_folder_report(folder / "runs", price=2.0))
    return folder, page, read_results([folder / "runs"])[0]


def mean_and_half(values):
    return np.mean(values), T_2 * np.std(values, ddof=1) / math.sqrt(len(values))


def numbers(cell):
    return [float(text) for text in re.findall(r"-?\d*\.\d+", cell[1].replace("−", "-"))]


def test_the_score_table_is_what_numpy_finds(complete):
    _, page, results = complete
    rows = page.rows("mAP, ")
    assert list(rows) == list(METHODS)
    for column, (direction, bits) in enumerate((d, b) for d in DIRECTIONS for b in BITS):
        means = {}
        for name in METHODS:
            mean, half = mean_and_half(
                [results.records[at_bits(results, bits), s].metrics[name][f"map_{direction}"] for s in SEEDS]
            )
            np.testing.assert_allclose(numbers(rows[name][column]), [mean, half], atol=0.00051)
            assert float(rows[name][column][0]["data-value"]) == pytest.approx(mean)
            means[name] = mean
        assert [name for name in METHODS if "best:" in rows[name][column][1]] == [max(means, key=means.get)]


@pytest.mark.parametrize("baseline", ["joint", "finetune"])
def test_differences_are_taken_seed_by_seed(complete, baseline, tmp_path):
    folder, _, results = complete
    shutil.copytree(folder / "runs", tmp_path / "runs")
    rows = Page(write_folder_report(tmp_path / "runs", baseline=baseline)).rows(f"Difference to {baseline}")
    assert list(rows) == [name for name in METHODS if name != baseline]
    for name in rows:
        ours, theirs = (
            np.array([results.records[at_bits(results, 64), s].metrics[m]["map_text_to_image"] for s in SEEDS])
            for m in (name, baseline)
        )
        mean, half = mean_and_half(ours - theirs)
        *shown, ratio = numbers(rows[name][3])
        np.testing.assert_allclose(shown, [mean, mean - half, mean + half], atol=0.00051)
        assert ratio == pytest.approx(ours.mean() / theirs.mean(), abs=0.0051)
        said = "clearly above" if mean - half > 0 else "clearly below" if mean + half < 0 else ""
        assert said in rows[name][3][1] and rows[name][3][1].count("clearly") == bool(said)


def test_the_answer_names_the_best_method_and_its_gap(complete):
    _, page, results = complete
    records = [results.records[at_bits(results, 64), seed] for seed in SEEDS]
    gaps = [
        np.mean([r.metrics["joint"][f"map_{d}"] - r.metrics["dlch"][f"map_{d}"] for d in DIRECTIONS]) for r in records
    ]
    mean, half = mean_and_half(gaps)
    found = answer(results.at(at_bits(results, 64)), "at 64 bits")
    assert (found.method, found.where, found.kept) == ("dlch", "at 64 bits", "yes")
    np.testing.assert_allclose([found.gap.mean, found.gap.low, found.gap.high], [mean, mean - half, mean + half])
    saved = np.mean([100 * r.metrics["dlch"]["time_reduction"] for r in records])
    assert (
        f"{saved:.0f}%" in found.sentences
        and "stay bitwise the same" in found.sentences
        and "flatters" in found.sentences
    )
    assert headline([found]).startswith(f"dlch ends {mean:.3f} mAP below joint retraining, for ".replace("0.", ".", 1))
    above = replace(found, gap=Interval(-0.02, -0.03, -0.01, 3))
    assert headline([found, above]).startswith(
        f"In 2 sweeps dlch ends from {mean:.3f} mAP below to .020 above joint retraining, for ".replace("0.", ".", 1)
    )
    assert headline([above, replace(above, method="exact")]).startswith(
        "The best methods of 2 sweeps end .020 mAP above joint retraining, for "
    )
    assert found.sentences.replace("[-", "[−").replace(", -", ", −") in page.words


def test_drops_are_the_growing_database_and_forgetting_from_joint(complete):
    _, _, results = complete
    found = drops(results, at_bits(results, 64))[0]
    R = {
        name: np.mean(
            [results.records[at_bits(results, 64), s].methods[name].R["image_to_text"] for s in SEEDS], axis=0
        )
        for name in ("joint", "finetune")
    }
    grew = np.mean([R["joint"][j, j] - R["joint"][-1, j] for j in range(2)])
    forgot = np.mean(R["joint"][-1, :-1] - R["finetune"][-1, :-1])
    row = next(row for row in found["rows"] if row["name"] == "finetune")
    assert float(found["grew"]) == pytest.approx(grew, abs=0.00051) and row["value"] == pytest.approx(forgot)
    assert row["forgot"]["width"] / row["grew"]["width"] == pytest.approx(forgot / grew, rel=0.05)


def test_heat_maps_show_the_mean_over_seeds_on_one_scale(complete):
    _, page, results = complete
    shown = {}
    for name in METHODS:
        (rows,) = [rows for label, rows in page.tables.items() if label.startswith(f"R of {name}, text to image")]
        cells = [
            (attributes["class"], float(words))
            for row in rows
            for attributes, words in row
            if attributes.get("class", "").startswith("h")
        ]
        R = np.mean([results.records[at_bits(results, 64), s].methods[name].R["text_to_image"] for s in SEEDS], axis=0)
        np.testing.assert_allclose([value for _, value in cells], R[np.isfinite(R)], atol=0.0051)
        shown |= {value: int(step.removeprefix("h")) for step, value in cells}
    steps = [shown[value] for value in sorted(shown)]
    assert steps == sorted(steps) and steps[-1] > steps[0]  # a higher score is never darker, in any map
    assert page.source.count("One scale for all") == 1


def test_curves_are_drawn_for_what_was_there_at_each_stage(complete):
    _, page, results = complete
    found = curves(results, at_bits(results, 64))
    for panels, direction in zip(found["directions"].values(), DIRECTIONS, strict=True):
        assert [panel["name"] for panel in panels] == ["joint", "dlch", "finetune"]
        panel = panels[1]
        R = [results.records[at_bits(results, 64), s].methods["dlch"].R[direction] for s in SEEDS]
        mean, half = mean_and_half([one[2].mean() for one in R])
        assert (
            f"{mean:.3f} after stage 2, 95% interval {mean - half:.3f} to {mean + half:.3f}".replace("0.", ".")
            in panel["alt"]
        )
        assert len(panel["seeds"]) == 3 and len(panel["dots"]) == 3
        heights = [float(points.split()[-1].split(",")[1]) for points in panel["seeds"]]
        assert panel["dots"][-1][1] == pytest.approx(
            np.mean(heights), abs=0.11
        )  # a line's height is linear in the score
    assert "lsh at" in found["one_point"] and page.source.count('class="panel"') == 2 * 3


def test_money_is_shown_only_at_a_stated_price(complete, tmp_path):
    folder, page, results = complete
    seconds = np.mean([sum(results.records[at_bits(results, 64), s].methods["dlch"].seconds[1:]) for s in SEEDS])
    row = page.rows("Cost, ")["dlch"]
    assert (
        numbers(row[3])[0] == pytest.approx(100 * 2.0 * seconds / 3600, abs=0.00051)
        and "2.0 EUR per hour" in page.words
    )
    assert row[-1][1].strip() == "yes" and "8 (64 bits)" in page.words
    shutil.copytree(folder / "runs", tmp_path / "runs")
    assert "EUR" not in Page(write_folder_report(tmp_path / "runs")).words


def test_memory_is_shown_where_it_was_recorded(tmp_path):
    runs = plan(tmp_path)
    for point, run in runs.items():
        record = made_up(*point)
        record.metrics["dlch"]["peak_bytes"] = 3 * 2**20
        finish(run, record)
    rows = Page(write_folder_report(tmp_path / "runs")).rows("Cost, ")
    assert numbers(rows["dlch"][3]) == [3.0, 0.0] and math.isnan(float(rows["joint"][3][0]["data-value"]))


def test_measures_of_any_other_notebook_are_shown_with_intervals(tmp_path):
    for point, run in plan(tmp_path, notebook="01_pretrain").items():
        record = RunRecord("01_pretrain", {"n_bits": point[0]}, point[1], environment={})
        record.metrics = {
            "learned": {"map_image_to_image": 0.5 + point[1] / 10, "items": 1234},
            "random": {"map_image_to_image": None},
        }
        finish(run, record)
    page = Page(write_folder_report(tmp_path / "runs"))
    mean, half = mean_and_half([0.5, 0.6, 0.7])
    (row,) = page.rows("Measures, ").values()
    assert "mAP image to image" in page.words and numbers(row[0]) == numbers(row[1]) == pytest.approx(
        [mean, half], abs=5e-4
    )
    assert [cell[0]["data-value"] for cell in row[2:]] == ["1234.0", "1234.0"]


def test_measures_with_a_table_of_their_own_stand_there_alone(complete):
    _, page, _ = complete
    assert (
        set(page.rows("Other measures, ")) == {"joint", "dlch", "finetune"}
        and "average over stages image to text" in page.words
    )
    assert not any(one in page.words for one in ("forgetting from best image", "train seconds", "mAP image to text"))


def test_where_nothing_varies_a_run_is_named_by_its_seed(tmp_path):
    runs = list(plan(tmp_path, seeds=[3, 4, 5], grid={}).values())
    finish(runs[0], made_up(64, 3))
    runs[1].folder.mkdir()
    (runs[1].folder / "failed.json").write_text(
        json.dumps({"digest": runs[1].digest, "cell": 2, "error": "ValueError: no"})
    )
    page = Page(write_folder_report(tmp_path / "runs"))
    assert "Over all runs, dlch, the best of" in page.words and "failed, seed 4, cell 2: ValueError: no" in page.words
    assert "not begun, seed 5" in page.words and "Finished runs: seed 3" in " ".join(page.words.split())


def test_failed_broken_running_and_missing_runs_are_named(tmp_path):
    runs = plan(tmp_path)
    for (bits, seed), run in runs.items():
        if bits == 64:
            finish(run, made_up(bits, seed))
    failed, running, broken = (runs[16, seed] for seed in SEEDS)
    for run in (failed, running):
        run.folder.mkdir()
        shutil.copyfile(run.notebook, run.folder / run.notebook.name)
    error = f"FileNotFoundError: {tmp_path}/secret/items.csv is not there"
    (failed.folder / "failed.json").write_text(json.dumps({"digest": failed.digest, "cell": 7, "error": error}))
    finish(broken, made_up(16, 2))
    (broken.folder / "result.json").write_text("{nonsense")
    odd = made_up(64, 2, stages=2)
    finish(runs[64, 2], odd)
    page = Page(write_folder_report(tmp_path / "runs"))
    other = made_up(16, 2)
    other.findings["label_budget"] = {"budgets": [5]}
    assert "the record does not hold together" in page_of_one(tmp_path / "more", other)
    rows = {direction: [[0.3, None], [0.5, 0.6]] for direction in DIRECTIONS}
    other.findings["label_budget"] = {
        "budgets": [5, 20],
        "seeds": [0, 1],
        "labelled_pairs": [[9, 9], [40, 40]],
        "variants": {"none": rows},
        "references": {},
    }
    assert "No picture: value 1 is nan" in page_of_one(tmp_path / "undefined", other)
    assert "2 of 6 planned runs are complete, 1 failed" in page.words and str(tmp_path) not in page.source
    listed = page.words[page.words.index("These runs are in none of the numbers") :]
    assert "failed, 16 bits, seed 0, cell 7: FileNotFoundError: items.csv is not there" in listed
    assert (
        "16 bits, seed 1: began and has no result yet" in listed
        and "not readable JSON" in listed
        and "another number of stages" in listed
    )
    links = [
        attributes["href"] for tag, attributes in page.tags if tag == "a" and not attributes["href"].startswith("#")
    ]
    assert links and all((tmp_path / "runs" / unquote(link)).is_file() for link in links)


def page_of_one(folder, record):
    """The words of the page of a sweep whose only run left ``record``."""
    folder.mkdir()
    finish(plan(folder)[16, 2], record)
    return Page(write_folder_report(folder / "runs")).words


def test_a_sweep_without_any_run_is_still_a_page(tmp_path):
    plan(tmp_path)
    page = Page(write_folder_report(tmp_path / "runs"))
    assert (
        "0 of 6 planned runs" in page.words
        and "0 of 6 runs are complete" in page.words
        and "not begun, 16 bits: seeds 0, 1, 2" in page.words
    )


def test_one_seed_and_no_joint_do_not_invent_intervals(tmp_path):
    runs = plan(tmp_path, seeds=[3])
    for point, run in runs.items():
        finish(run, made_up(*point, methods={"dlch": 0.1, "lsh": 0.2}))
    page = Page(write_folder_report(tmp_path / "runs"))
    assert "cannot say how good" in page.words and "No run here recorded joint" in page.words
    assert all("±" not in cell[1] for row in page.rows("mAP, ").values() for cell in row)


def test_what_users_wrote_is_escaped(tmp_path):
    runs = plan(tmp_path, title=EVIL)
    for point, run in runs.items():
        record = made_up(*point, methods=METHODS | {EVIL: 0.2}, data=EVIL)
        record.figures = [{"file": "x.png", "alt": f'"{EVIL}', "caption": EVIL}]
        finish(run, record)
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(run.folder / "x.png")
    failed = runs[16, 0]
    (failed.folder / "done.txt").unlink()
    (failed.folder / "failed.json").write_text(json.dumps({"digest": failed.digest, "cell": None, "error": EVIL}))
    page = Page(write_folder_report(tmp_path / "runs"))
    assert (
        page.source.count("<script") == 1 and "alert('x')" not in page.source
    )  # the sorting script alone; quotes are escaped too
    assert EVIL in page.words and next(a for t, a in page.tags if t == "img")["alt"] == f'"{EVIL}'
    assert EVIL in page.rows("mAP, ")


def test_what_the_first_seed_found_is_told_in_words(tmp_path):
    for (bits, seed), run in plan(tmp_path).items():
        record = made_up(bits, seed)
        item = {"id": f"item {bits} {seed}", "text": EVIL, "labels": ["cat"], "distance": seed, "right": False}
        query = {"id": "q", "text": "a tabby", "labels": ["cat"]}
        examples = [{"direction": d, "method": "dlch", "query": query, "found": [item]} for d in DIRECTIONS]
        record.findings["examples"] = [*examples, "malformed"]
        record.figures = [{"file": f"examples_{d}.png", "alt": d, "caption": d} for d in DIRECTIONS]
        finish(run, record)
        for figure in record.figures:
            Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(run.folder / figure["file"])
    page = Page(write_folder_report(tmp_path / "runs"))
    assert page.words.count("item 64 0") == 2 and "item 64 1" not in page.words and "item 16 0" not in page.words
    assert (
        page.words.count(f"✗ wrong 0 “{EVIL}”") == 2
        and "has not the shape" in page.words
        and page.source.count("<script") == 1
    )
    others = [f"seed {seed}, examples {d.replace('_', ' ')}" for seed in (1, 2) for d in DIRECTIONS]
    assert f"Pictures of other seeds: {' , '.join(others)}" in page.words.replace(" ,", ",").replace(
        ", seed", " , seed"
    )


def test_the_page_stands_alone_and_is_in_order(complete):
    complete[1].check_order()


@pytest.mark.slow
def test_forty_runs_stay_below_2_mb(tmp_path):
    random = np.random.default_rng(0)
    names = ("joint", "dlch", *(f"method {i}" for i in range(10)))
    for sweep in ("a", "b", "c", "d"):
        for point, run in plan(tmp_path, name=sweep, grid={"n_bits": [32, 64]}, seeds=[0, 1, 2, 3, 4]).items():
            record = made_up(*point, methods=dict.fromkeys(names, 0.1), stages=5)
            record.figures = [{"file": "x.png", "alt": "noise", "caption": "noise"}]
            finish(run, record)
            (run.folder / run.notebook.name).unlink()  # notebooks become pages of their own, which take long
            pixels = random.integers(0, 256, (40, 50, 3), np.uint8).repeat(16, 0).repeat(16, 1)
            Image.fromarray(pixels).save(run.folder / "x.png")
    page = write_folder_report(tmp_path / "runs")
    assert page.stat().st_size < 2_000_000 and Page(page).source.count("data:image/") == 4


def test_single_runs_beside_sweeps_and_alone(tmp_path):
    finished(tmp_path)
    for folder in (tmp_path / "runs" / "alone", tmp_path / "few" / "alone"):
        RunRecord("01_pretrain", {}, metrics={"small": {"map_image_to_text": 0.5}}, environment={}).save(folder)
    page = Page(write_folder_report(tmp_path / "runs"))
    assert "From ImageNet features to bits" in page.words and "6 of 6 planned runs" in page.words
    alone = Page(write_folder_report(tmp_path / "few"))
    assert "From ImageNet features to bits" in alone.words and "planned runs" not in alone.words


def test_notebooks_of_single_runs_become_pages_and_none_from_elsewhere(tmp_path):
    cells = [new_markdown_cell("Words."), new_code_cell("secret_code = 1")]
    for name, notebook in (("mine", "my_notebook"), ("evil", "../elsewhere")):
        RunRecord(notebook, {}, metrics={"small": {"map_image_to_text": 0.5}}, environment={}).save(
            tmp_path / "few" / name
        )
        nbformat.write(new_notebook(cells=cells), tmp_path / "few" / name / f"{notebook}.ipynb")
    page = Page(write_folder_report(tmp_path / "few"))
    assert page.source.count(">page</a>") == 1 and './report-notebooks/mine.html"' in page.source
    (one,) = (tmp_path / "few" / "report-notebooks").iterdir()
    assert "Words." in one.read_text() and "secret_code" not in one.read_text()
    assert Page(write_folder_report(tmp_path / "few")).source == page.source, "the pages are taken for no runs"


def test_one_sweeps_own_folder_is_enough(complete, tmp_path):
    folder, _, _ = complete
    shutil.copytree(folder / "runs" / "fashion", tmp_path / "fashion")
    assert "6 of 6 planned runs" in Page(write_folder_report(tmp_path / "fashion")).words


def test_notebooks_become_pages_without_code_or_scripts(tmp_path):
    runs = finished(tmp_path)
    html = f"<h1 id='x'>loud</h1><p>table</p>{EVIL}<img src='https://elsewhere.org/x.png'>"
    html += "<a href='javascript:alert(1)'>go</a><a href='data:text/html,x'>go</a><img src=x onerror='alert(1)'>"
    html += "<iframe src='x'></iframe>"
    output = new_output("display_data", data={"text/html": html, "text/plain": "plain"})
    cells = [
        new_markdown_cell("# Own title\n\n###### deep"),
        new_markdown_cell(f"## What we saw\n\nWords. {EVIL} $\\alpha_i$ and $\\nosuch$, `$5`"),
        new_code_cell("secret_code = 1", outputs=[output], execution_count=1),
    ]
    nbformat.write(new_notebook(cells=cells), runs[64, 0].folder / "03_increments.ipynb")
    assert main(["report", str(tmp_path / "runs")]) == 0
    page = Page(tmp_path / "runs" / "report.html")
    pages = sorted((tmp_path / "runs" / "report-notebooks" / "fashion").glob("*.html"))
    assert len(pages) == 6 and page.source.count(">page</a>") == 6
    (one,) = [path for path in pages if runs[64, 0].folder.name == path.stem]
    (runs[16, 0].folder / "03_increments.ipynb").write_text("{")
    written = one.stat().st_mtime_ns
    page = Page(write_folder_report(tmp_path / "runs"))
    assert page.source.count(">page</a>") == 5 and page.words.count("unreadable, notebook") == 1
    assert one.stat().st_mtime_ns == written, "a page of the same notebook is made once"
    said = one.read_text()
    assert "Words." in said and "<p>table</p>" in said
    headings = re.findall(r"<(h\d)[^>]*>([^<]*)</(h\d)>", said)
    assert [(opened, words) for opened, words, _ in headings[1:]] == [
        ("h2", "Own title"),
        ("h6", "deep"),
        ("h3", "What we saw"),
        ("h2", "loud"),
    ]
    assert (
        headings[0][0] == "h1"
        and "64 bits, seed 0" in headings[0][1]
        and all(opened == closed for opened, _, closed in headings)
    )
    assert (
        'alt="\\alpha_i"' in said
        and "data:image/svg+xml" in said
        and "<code>\\nosuch</code>" in said
        and "<code>$5</code>" in said
    )
    assert not any(
        part in said
        for part in ("secret_code", "<script", "elsewhere.org", "javascript:", "data:text/html", "onerror", "<iframe")
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--baseline", "dlhc"], "did you mean 'dlch'?"),
        (["--price", "0"], "EUR per hour, more than 0"),
        (["--price", "nan"], "EUR per hour, more than 0"),
    ],
)
def test_mistakes_end_with_2_and_one_line(complete, capsys, arguments, said):
    folder, _, _ = complete
    assert main(["report", str(folder / "runs"), *arguments]) == 2
    shown = capsys.readouterr().err
    assert said in shown and shown.count("\n") == 1


def test_options_of_sweeps_are_refused_for_single_runs_and_empty_folders(tmp_path, refused):
    with refused("holds no run", "sweep.json"):
        write_folder_report(tmp_path)
    made_up(64, 0).save(tmp_path / "alone")
    with refused("single runs and no sweep", "--price"):
        write_folder_report(tmp_path, price=1.0)


def test_terms_come_from_the_card_or_are_said_to_be_unknown():
    assert "Generated by the kit" in terms_of("scenes") and terms_of("wikipedia").startswith("not verified")
    assert terms_of("fashion").startswith("None that we could verify")
    assert (
        terms_of("my things")
        == terms_of("../scenes")
        == terms_of("unknown-set")
        == "no card of the kit states them; they are those under which you hold the data"
    )


# --- in a browser ---

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PRESS = """<script>
addEventListener("load", () => {
  const table = document.querySelector("table.sortable"), buttons = table.querySelectorAll("th button");
  const names = () => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent.trim()).join(" ");
  const said = [];
  for (const i of [1, 1, 0]) {
    buttons[i].click();
    said.push(`${buttons[i].closest("th").getAttribute("aria-sort")}: ${names()}`);
  }
  said.push(`sorted columns: ${table.querySelectorAll("th[aria-sort=ascending], th[aria-sort=descending]").length}`);
  said.push(`wider than the window: ${document.documentElement.scrollWidth > innerWidth}`);
  said.push(table.closest(".scroll").nextElementSibling.textContent);
  document.body.dataset.said = said.join("|");
});
</script>"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1400])
def test_a_browser_sorts_the_table_and_has_no_complaint(complete, tmp_path, width):
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"no browser is installed ({', '.join(BROWSERS)})")
    _, page, results = complete
    (tmp_path / "page.html").write_text(page.source.replace("</body>", f"{PRESS}</body>"), encoding="utf-8")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        f"--window-size={width},900",
    ]
    options += [
        f"--user-data-dir={tmp_path / 'profile'}",
        "--enable-logging=stderr",
        "--virtual-time-budget=2000",
        "--dump-dom",
    ]
    done = subprocess.run(
        [browser, *options, (tmp_path / "page.html").as_uri()], capture_output=True, text=True, timeout=60, check=False
    )
    assert "CONSOLE" not in done.stderr, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    first, second, third, columns, wider, status = re.search(r'data-said="([^"]*)"', done.stdout).group(1).split("|")
    means = {
        name: np.mean(list(results.values(name, "map_image_to_text", at_bits(results, 16)).values()))
        for name in METHODS
    }
    ordered = sorted(METHODS, key=means.get)
    assert first == f"descending: {' '.join(reversed(ordered))}" and second == f"ascending: {' '.join(ordered)}"
    assert (
        third == f"ascending: {' '.join(sorted(METHODS))}"
        and columns == "sorted columns: 1"
        and wider == "wider than the window: false"
    )
    assert status == "Sorted by method, ascending."


def test_a_page_of_a_notebook_names_what_it_cannot_show_and_drops_what_is_not_for_readers(tmp_path):
    styled = "<style scoped>.x { color: red }</style><table><tr><td>42</td></tr></table><script>alert(1)</script>"
    bundles = [
        {"text/html": styled, "text/plain": "a table"},
        {"image/svg+xml": "<svg><text>secret</text></svg>", "text/plain": "<SVG object>"},
        {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "IntSlider(value=3)"},
        {"text/html": "before<svg><text>secret</text></svg><iframe src='x'>inner</iframe>after"},
        {"image/png": "iVBORw0KGgo=", "text/plain": "a figure"},
    ]
    hostile = {"width": '1"><script>alert(2)</script>', "alt": 'a "figure" <b>', "filenames": "x"}
    outputs = [new_output("display_data", data, metadata={"image/png": dict(hostile)}) for data in bundles]
    cell = new_code_cell("show()", outputs=outputs, metadata={"width": hostile["width"], "isolated": True})
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "mine.ipynb")
    page = write_notebook_page(tmp_path / "mine.ipynb", tmp_path / "mine.html", title="Mine").read_text()
    body = page[page.index("</head>") :]
    assert "<td>42</td>" in body and "before" in body and "after" in body
    for dropped in ("color: red", "alert(", "secret", "inner", "IntSlider", "SVG object", "isolated"):
        assert dropped not in body, dropped
    assert body.count("a drawing (SVG), which this page cannot show; see the notebook") == 2
    assert body.count("a widget, which this page cannot show") == body.count("a page in a page, which") == 1
    assert """<img alt='a "figure" &lt;b&gt;' src=""" in body
