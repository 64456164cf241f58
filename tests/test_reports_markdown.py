"""Results: every number on the page is one that plain numpy finds in the records."""

import csv
import json
import math
import re
import sys

import numpy as np
import pytest
import report_pages
from report_pages import finish

from dlchkit.cli import main
from dlchkit.data import DIRECTIONS
from dlchkit.metrics import Interval
from dlchkit.metrics.summary import summarise
from dlchkit.records import RunRecord
from dlchkit.reports import encode_rows, read_results, write_rows
from dlchkit.reports.cells import Cell, Table, spreads
from dlchkit.reports.markdown_page import as_markdown
from dlchkit.reports.provenance import provenance
from dlchkit.reports.rows import tidy_rows
from dlchkit.runs.plan import load_plan

BITS, SEEDS, METHODS = (16, 64, 128), (0, 1, 2, 3, 4), {"joint": 0.0, "dlch": 0.05, "lsh": 0.4}
T_4 = 2.7764451051977987  # Student's t, 97.5%, 4 degrees of freedom
nan = float("nan")
ABOUT_THE_RUN = ("sweep", "notebook", "data", "n_bits", "seed", "split_digest", "peak_memory_bytes", "method")


def made_up(bits, seed):
    return report_pages.made_up(bits, seed, methods=METHODS, stages=2)


def plan(folder, **entries):
    """A sweep that is planned, with none of its runs done."""
    content = {"title": "One label | per product", "parameters": {"data": str(folder / "things")}}
    content |= {"grid": {"n_bits": list(BITS)}, "seeds": list(SEEDS)}
    return report_pages.plan(folder, **content | entries)


def page_of(folder):
    assert main(["results", str(folder / "runs"), "--page", str(folder / "page.md")]) == 0
    return (folder / "page.md").read_text()


def tables(page):
    """(heading, bold line above or summary, rows of cells) of every table; each is checked to be well-formed."""
    found, heading, label, rows = [], "", "", []
    for line in [*page.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows:
            assert {len(row) for row in rows} == {len(rows[0])} and all(
                re.fullmatch("---:?", cell) for cell in rows[1]
            ), rows
            found.append((heading, label, {row[0]: dict(zip(rows[0][1:], row[1:], strict=True)) for row in rows[2:]}))
            rows = []
        if line.startswith("#"):
            heading, label = line.lstrip("# "), ""
        elif re.fullmatch(r"\*\*.*\*\*", line):
            label = line.strip("*")
    return found


def table(page, heading, label):
    (rows,) = [rows for its, under, rows in tables(page) if (its, under) == (heading, label)]
    return rows


def read(cell):
    """The numbers in a cell."""
    return [float(text) for text in re.findall(r"-?\d*\.\d+", cell.replace("*", ""))]


def mean_and_half(values):
    return [np.mean(values), T_4 * np.std(values, ddof=1) / math.sqrt(5)]


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """A folder with one complete sweep, its page, and the records by (bits, seed)."""
    folder = tmp_path_factory.mktemp("complete")
    records = {point: made_up(*point) for point in plan(folder)}
    for point, run in plan(folder).items():
        finish(run, records[point])
    return folder, page_of(folder), records


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_main_table_is_what_numpy_finds(complete, direction):
    _, page, records = complete
    rows = table(page, "mAP, 5 seeds", direction.replace("_", " "))
    assert list(rows) == list(METHODS)
    for bits in BITS:
        means = {}
        for name in METHODS:
            expected = mean_and_half([records[bits, seed].metrics[name][f"map_{direction}"] for seed in SEEDS])
            np.testing.assert_allclose(read(rows[name][f"{bits} bits"]), expected, atol=0.00051)
            means[name] = expected[0]
        assert [name for name in METHODS if "**" in rows[name][f"{bits} bits"]] == [max(means, key=means.get)]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_differences_are_paired_by_seed(complete, direction):
    _, page, records = complete
    rows = table(page, "Difference to joint", direction.replace("_", " "))
    assert list(rows) == ["dlch", "lsh"]
    for bits in BITS:
        for name in rows:
            ours, joint = (
                np.array([records[bits, seed].metrics[m][f"map_{direction}"] for seed in SEEDS])
                for m in (name, "joint")
            )
            mean, half = mean_and_half(ours - joint)
            expected = [mean, mean - half, mean + half]
            *shown, ratio = read(rows[name][f"{bits} bits"])
            np.testing.assert_allclose(shown, expected, atol=0.00051)
            assert abs(ratio - ours.mean() / joint.mean()) < 0.0051


def test_cost_at_64_bits(complete):
    _, page, records = complete
    rows = table(page, "Cost, 64 bits", "")
    for name in ("joint", "dlch"):
        seconds = mean_and_half([records[64, seed].methods[name].seconds[1] for seed in SEEDS])
        whole = mean_and_half([records[64, seed].metrics[name]["train_seconds"] for seed in SEEDS])
        saved = mean_and_half([100 * records[64, seed].metrics[name]["time_reduction"] for seed in SEEDS])
        np.testing.assert_allclose(read(rows[name]["training, s"]), whole, atol=0.051)
        np.testing.assert_allclose(read(rows[name]["of it the increments, s"]), seconds, atol=0.051)
        np.testing.assert_allclose(read(rows[name]["time reduction, %"]), saved, atol=0.051)
        assert rows[name]["old codes unchanged"] == {"joint": "no", "dlch": "yes"}[name]
    assert list(rows["lsh"].values())[1:] == ["–", "–", "–"]  # trained once: it has no increments


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_forgetting_kinds_of_codes_and_R_at_64_bits(complete, direction):
    _, page, records = complete
    said = direction.replace("_", " ")
    at_64 = [records[64, seed] for seed in SEEDS]
    rows = table(page, "Forgetting and transfer, 64 bits", said)
    assert list(rows) == ["joint", "dlch"] and list(rows["dlch"]) == [
        "from best",
        "from first",
        "from joint",
        "backward transfer",
    ]
    expected = mean_and_half([record.metrics["dlch"][f"backward_transfer_{direction}"] for record in at_64])
    np.testing.assert_allclose(read(rows["dlch"]["backward transfer"]), expected, atol=0.00051)

    rows = table(page, "Kinds of database codes, 64 bits", said)
    assert list(rows["dlch"]) == ["learned", "encoded"] and rows["joint"]["encoded"] == "–"
    for kind, measure in (("learned", "map"), ("encoded", "map_encoded")):
        expected = mean_and_half([record.metrics["dlch"][f"{measure}_{direction}"] for record in at_64])
        np.testing.assert_allclose(read(rows["dlch"][kind]), expected, atol=0.00051)

    for name in METHODS:
        rows = table(page, "R, 64 bits", f"{name}, {said}")
        shown = np.array([[float(cell) if cell != "–" else nan for cell in row.values()] for row in rows.values()])
        R = np.mean([record.methods[name].R[direction] for record in at_64], axis=0)
        np.testing.assert_allclose(shown, R[np.isfinite(R).any(axis=1)], atol=0.00051)


def test_the_page_says_what_it_rests_on(complete):
    folder, page, _ = complete
    assert (
        page.splitlines()[0]
        == "*Written by `dlchkit results runs --page page.md` from the records of runs; it is never edited by hand.*"
    )
    assert "## One label | per product" in page and "1,234 pairs, 7 classes, stages of 4 + 3 classes\n" in page
    assert "- notebook: 03_increments\n- complete runs: 15 of 15\n" in page and "- seeds: 0, 1, 2, 3, 4\n" in page
    assert "- fixed parameters: data=things\n" in page and str(folder) not in page  # no place of this machine
    assert (
        "Database codes: learned from the items' labels" in page
        and "(joint, dlch, lsh)." in page
        and "The same for all runs." in page
    )
    assert f"- split digest: {'; '.join(f'seed {seed}: split{seed}' for seed in SEEDS)}\n" in page
    assert table(page, "Environment", "")["threads"] == {"15 of fashion": "1"}
    assert (
        set(re.findall(r"</?[a-z]+>", page)) == {"<details>", "</details>", "<summary>", "</summary>"}
        and "\n\n\n" not in page
    )


def test_missing_failed_and_undefined_are_named_and_not_counted(tmp_path):
    runs = plan(tmp_path)
    for (bits, seed), run in runs.items():
        record = made_up(bits, seed)
        if (bits, seed) == (16, 4):
            run.folder.mkdir(parents=True)
            failure = {"digest": run.digest, "cell": 7, "error": f"FileNotFoundError: {tmp_path}/things is not there"}
            (run.folder / "failed.json").write_text(json.dumps(failure))
        elif (bits, seed) == (64, 0):
            record.metrics["dlch"]["map_image_to_text"] = nan
            record.environment["threads"] = 2
            finish(run, record)
        elif bits != 128 or seed == 0:
            finish(run, record)
    page = page_of(tmp_path)
    assert "complete runs: 10 of 15" in page and "- not begun, 128 bits: seeds 1, 2, 3, 4\n" in page
    assert (
        "- failed, 16 bits, seed 4, cell 7: `FileNotFoundError: things is not there`\n" in page
        and str(tmp_path) not in page
    )
    assert "Runs differ in threads." in page and table(page, "Environment", "")["threads"] == {
        "9 of fashion": "1",
        "1 of fashion": "2",
    }
    rows = table(page, "mAP, 5 seeds", "image to text")
    assert (
        "(n = 4)" in rows["dlch"]["64 bits"]
        and "(n = 4)" in rows["joint"]["16 bits"]
        and "n =" not in rows["joint"]["64 bits"]
    )
    values = [made_up(64, seed).metrics["dlch"]["map_image_to_text"] for seed in SEEDS[1:]]
    np.testing.assert_allclose(read(rows["dlch"]["64 bits"])[0], np.mean(values), atol=0.00051)
    assert "±" not in rows["joint"]["128 bits"] and "(n = 1)" in rows["joint"]["128 bits"]
    rows = table(page, "Difference to joint", "image to text")
    assert "(n = 4)" in rows["dlch"]["64 bits"] and "[" not in rows["dlch"]["128 bits"]


def test_a_sweep_without_any_run_is_named(tmp_path, capsys):
    plan(tmp_path)
    page = page_of(tmp_path)
    assert "complete runs: 0 of 15" in page and "- not begun, 16 bits: seeds 0, 1, 2, 3, 4" in page and not tables(page)
    assert main(["results", str(tmp_path / "runs"), "--csv", str(tmp_path / "rows.csv")]) == 2
    assert "no run of fashion is complete" in capsys.readouterr().err and not (tmp_path / "rows.csv").exists()


def test_one_seed_no_joint_and_another_grid(tmp_path):
    plan(tmp_path, grid={"rehearsal": [0, 5], "sizes": [[1], [1, 2]]}, seeds=[3], parameters={"n_bits": 32})
    for run in load_plan(tmp_path / "runs" / "fashion")[1]:
        record = made_up(32, 3)
        for part in (record.methods, record.metrics):
            del part["joint"]
        finish(run, record)
    page = page_of(tmp_path)
    rows = table(page, "mAP, 1 seed", "image to text")
    assert list(rows["dlch"]) == [
        "rehearsal 0, sizes [1]",
        "rehearsal 0, sizes [1, 2]",
        "rehearsal 5, sizes [1]",
        "rehearsal 5, sizes [1, 2]",
    ]
    assert (
        "One seed has no interval." in page
        and "Difference to joint" not in page
        and "±" not in page.split("## What the numbers mean")[0]
    )


def test_any_other_notebook_gets_scores(tmp_path):
    for (bits, seed), run in plan(tmp_path, notebook="some_other").items():
        record = made_up(bits, seed)
        record.methods = {}
        finish(run, record)
    assert {heading for heading, _, _ in tables(page_of(tmp_path))} == {
        "mAP, 5 seeds",
        "Difference to joint",
        "Other measures",
        "Environment",
    }


def made_up_budget(seeds):
    random = np.random.default_rng(seeds)

    def scores(*shape):
        return {d: random.random((*shape, len(seeds))).tolist() for d in DIRECTIONS}

    variants = {name: scores(3) for name in ("no transfer", "CHTN")}
    found = {"budgets": [1, 10, None], "seeds": seeds, "labelled_pairs": [[5] * len(seeds)] * 3}
    names = ("all terms", "without source")
    ablation = {name: {f"map_{d}": random.random() for d in DIRECTIONS} for name in names}
    return found | {"variants": variants, "references": {"CCA": scores()}}, ablation


def test_label_budgets_of_several_runs_stand_together_and_no_seed_counts_twice(tmp_path):
    (first, off_and_on), (second, again) = made_up_budget([0, 1, 2]), made_up_budget([2, 3, 4])
    found, ablation = {0: first, 1: second}, {0: off_and_on, 1: again}
    for d in DIRECTIONS:  # references see no seed: runs of one split tell the same score, which counts once
        second["references"]["CCA"][d] = [first["references"]["CCA"][d][0], 0.5]
        first["references"]["CCA"][d] = [first["references"]["CCA"][d][0], 0.25]
    found[1]["variants"]["CHTN"]["image_to_text"][0][0] = found[0]["variants"]["CHTN"]["image_to_text"][0][
        2
    ]  # seed 2 is in both
    for (_, seed), run in plan(tmp_path, notebook="02_transfer", grid={}, seeds=[0, 1]).items():
        finish(
            run,
            RunRecord(
                "02_transfer",
                {},
                seed,
                findings={"label_budget": found[seed], "ablation": ablation[seed]},
                environment={},
            ),
        )
    page = page_of(tmp_path)

    def values(name, direction, budget):
        return [*found[0]["variants"][name][direction][budget], *found[1]["variants"][name][direction][budget][1:]]

    heading = "Labelled pairs per class, 5 seeds"
    for direction in DIRECTIONS:
        rows = table(page, heading, direction.replace("_", " "))
        assert list(rows) == ["no transfer", "CHTN", "CCA"] and list(rows["CCA"]) == [
            "no labels",
            "1 per class",
            "10 per class",
            "all labels",
        ]
        np.testing.assert_allclose(
            read(rows["CHTN"]["10 per class"]), mean_and_half(values("CHTN", direction, 1)), atol=0.00051
        )
        shared = found[0]["references"]["CCA"][direction]
        assert read(rows["CCA"]["no labels"])[0] == pytest.approx(np.mean([shared[0], 0.25, 0.5]), abs=0.00051)
        assert rows["CHTN"]["no labels"] == rows["CCA"]["all labels"] == "–"
    gains = [np.mean([values(name, d, 2) for d in DIRECTIONS], axis=0) for name in ("CHTN", "no transfer")]
    mean, half = mean_and_half(gains[0] - gains[1])
    rows = table(page, "Gain over no transfer", "")
    assert list(rows) == ["CHTN"]
    np.testing.assert_allclose(read(rows["CHTN"]["all labels"]), [mean, mean - half, mean + half], atol=0.00051)
    assert "from here on: no transfer: " in page
    gaps = [
        np.mean([run["without source"][f"map_{d}"] - run["all terms"][f"map_{d}"] for d in DIRECTIONS])
        for run in ablation.values()
    ]
    rows = table(page, "Parts off and on", "")
    assert list(rows) == ["all terms", "without source"] and rows["all terms"]["difference to all terms"] == "–"
    assert read(rows["without source"]["difference to all terms"])[0] == pytest.approx(np.mean(gaps), abs=0.00051)
    assert read(rows["all terms"]["image to text"])[0] == pytest.approx(
        np.mean([run["all terms"]["map_image_to_text"] for run in ablation.values()]), abs=0.00051
    )


def test_a_grid_over_methods_is_one_table(tmp_path):
    plan(tmp_path, grid={"methods": [["joint"], ["joint", "dlch"], ["lsh"]], "n_bits": [16, 64]})
    runs, truth = load_plan(tmp_path / "runs" / "fashion")[1], {}
    for run in runs:
        bits, seed, names = (run.parameters[name] for name in ("n_bits", "seed", "methods"))
        record = truth[bits, seed] = made_up(bits, seed)
        kept = RunRecord(
            record.notebook, record.parameters, seed, findings=record.findings, environment=record.environment
        )
        kept.methods, kept.metrics = ({name: part[name] for name in names} for part in (record.methods, record.metrics))
        if run != runs[-1]:  # the last seed's lsh of 64 bits is missing
            finish(run, kept)
    (results,) = read_results([tmp_path / "runs"])
    assert list(map(str, results.settings)) == ["16 bits", "64 bits"] and len(results.done) == len(runs) - 1 == 29
    assert {(str(at), seed): set(record.methods) for (at, seed), record in results.records.items()} == {
        (f"{bits} bits", seed): {"joint", "dlch"} | ({"lsh"} if (bits, seed) != (64, 4) else set())
        for bits in (16, 64)
        for seed in SEEDS
    }
    page = page_of(tmp_path)
    for name in METHODS:
        values = [truth[64, seed].metrics[name]["map_image_to_text"] for seed in SEEDS if (name, seed) != ("lsh", 4)]
        assert read(table(page, "mAP, 5 seeds", "image to text")[name]["64 bits"])[0] == pytest.approx(
            np.mean(values), abs=5e-4
        )
    assert "methods lsh, 64 bits" in page


def test_forgetting_from_joint_is_found_across_the_runs_of_one_table_but_no_ratio_of_times(tmp_path):
    plan(tmp_path, grid={"methods": [["joint"], ["dlch"]]}, seeds=[0])
    truth = made_up(64, 0)
    for run in load_plan(tmp_path / "runs" / "fashion")[1]:
        (name,) = run.parameters["methods"]
        alone = {name: truth.methods[name]}
        finish(run, RunRecord("03_increments", run.parameters, 0, alone, summarise(alone), environment={}))
    (results,) = read_results([tmp_path / "runs"])
    metrics = results.records[results.reference, 0].metrics["dlch"]
    lost = [truth.methods[name].R["image_to_text"][1, 0] for name in ("joint", "dlch")]
    assert (
        metrics["forgetting_from_joint_image_to_text"] == pytest.approx(lost[0] - lost[1])
        and "time_reduction" not in metrics
    )


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_tidy_rows_hold_every_flat_measure(complete, kind, tmp_path, capsysbinary):
    folder, _, records = complete
    file = tmp_path / "rows.txt"  # the option says what is written, not the file's name
    assert main(["results", str(folder / "runs"), f"--{kind}", str(file)]) == 0
    capsysbinary.readouterr()
    assert main(["results", str(folder / "runs"), f"--{kind}"]) == 0
    assert capsysbinary.readouterr().out == file.read_bytes()
    assert main(["results", str(folder / "runs"), f"--{kind}", "--page", str(tmp_path / "page.md")]) == 0
    shown = capsysbinary.readouterr()
    assert shown.out == file.read_bytes() and shown.err.endswith(b"page.md\n")
    rows = json.loads(file.read_text()) if kind == "json" else list(csv.DictReader(file.open(newline="")))
    assert len(rows) == len(records) * len(METHODS) and len({tuple(row) for row in rows}) == 1
    for row in rows:
        expected = records[int(row["n_bits"]), int(row["seed"])]
        assert (row["sweep"], row["split_digest"]) == ("fashion", expected.findings["split_digest"])
        assert float(row["peak_memory_bytes"]) > 0
        measures = expected.metrics[row["method"]]
        for measure, value in row.items():
            if measure in measures and math.isfinite(measures[measure]):
                assert float(value) == measures[measure]
            elif measure not in ABOUT_THE_RUN:
                assert value in ("", None)


def test_a_bare_number_among_the_metrics_is_a_row_of_its_own(tmp_path):
    (run, *_) = plan(tmp_path, notebook="some_other").values()
    finish(run, RunRecord("some_other", {}, metrics={"plain": 0.25}, environment={}))
    (row,) = json.loads(encode_rows(read_results([tmp_path / "runs"]), kind="json"))
    assert row["method"] == "plain" and row["value"] == 0.25


def test_parquet_holds_the_rows_of_json(complete, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow, the extra 'parquet', is not installed")
    folder, _, records = complete
    for kind in ("json", "parquet"):
        assert main(["results", str(folder / "runs"), f"--{kind}", str(tmp_path / kind)]) == 0
    table = parquet.read_table(tmp_path / "parquet")
    assert table.num_rows == len(records) * len(METHODS) and table.to_pylist() == json.loads(
        (tmp_path / "json").read_text()
    )


def test_parquet_takes_columns_of_several_types(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow, the extra 'parquet', is not installed")
    for name, out, grid in (("a", "runs", {"sizes": [[1], [1, 2]]}), ("b", "more", {"n_bits": [16, 64]})):
        plan(tmp_path, name=name, out=out, grid=grid, seeds=[0])
        for run in load_plan(tmp_path / out / name)[1]:
            finish(run, made_up(64, 0))
    write_rows(read_results([tmp_path / "runs", tmp_path / "more"]), tmp_path / "rows", kind="parquet")
    columns = parquet.read_table(tmp_path / "rows").to_pydict()
    assert set(columns["sizes"]) == {"[1]", "[1, 2]", None} and set(columns["n_bits"]) == {16, 64, None}


def test_parquet_without_pyarrow_says_what_to_install(complete, tmp_path, monkeypatch, refused):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with refused("pyarrow", "dlchkit[parquet]"):
        write_rows(read_results([complete[0] / "runs"]), tmp_path / "rows", kind="parquet")
    with refused("csv, json, parquet", "'xls'"):
        write_rows(read_results([complete[0] / "runs"]), tmp_path / "rows", kind="xls")
    assert not list(tmp_path.iterdir())


def test_two_folders_become_one_page_with_each_sweeps_rows(tmp_path):
    for out, name in (("runs", "b"), ("more", "a")):
        finish(plan(tmp_path, name=name, out=out)[64, 0], made_up(64, 0))
    found = read_results([tmp_path / "runs", tmp_path / "more" / "a"])
    assert [results.name for results in found] == ["b", "a"]


@pytest.mark.parametrize(
    ("make", "arguments", "said"),
    [
        (lambda folder: None, ["runs", "--page", "p.md"], "holds no sweep"),
        (plan, ["runs"], "--csv, --json, --parquet or --page"),
        (plan, ["runs", "runs", "--page", "p.md"], "two sweeps are named 'fashion'"),
    ],
    ids=["no sweep", "nothing to write", "twice"],
)
def test_mistakes_end_with_2_and_one_line(tmp_path, capsys, monkeypatch, make, arguments, said):
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["results", *arguments]) == 2
    shown = capsys.readouterr().err
    assert said in shown and shown.count("\n") == 1 and not (tmp_path / "p.md").exists()


def test_equal_to_three_digits_is_equally_good():
    intervals = [Interval(0.50001, 0.4, 0.6, 5), Interval(0.50004, 0.4, 0.6, 5), Interval(0.4, 0.3, 0.5, 5), None]
    assert [cell.mark for cell in spreads(intervals, 5, best=max)] == ["best", "best", "", ""]
    assert [cell.mark for cell in spreads([intervals[0], None], 5, best=max)] == ["", ""]  # one alone is not the best


def test_html_in_a_name_stays_a_word_in_markdown():
    (text,) = as_markdown(Table(["<b>|</b>"], {"": {"mAP": [Cell(0.5, ".500", mark="best")]}}))
    assert "| &lt;b>\\|&lt;/b> | **.500** |" in text


def test_a_ragged_table_is_an_error():
    with pytest.raises(ValueError, match="cells beside 1 names"):
        Table(["a"], {"": {"b": []}})


def test_a_grid_over_data_sets_makes_a_part_for_each(tmp_path):
    grid = {"data": ["scenes", "wikipedia"], "n_bits": [64]}
    report_pages.plan(tmp_path, name="many", grid=grid, seeds=[0, 1])
    for run in load_plan(tmp_path / "runs" / "many")[1]:
        record = report_pages.made_up(64, run.parameters["seed"], data=run.parameters["data"])
        record.data = {"name": "x", "folder": run.parameters["data"], "min_class_size": 30, "epochs": 7}
        record.data["notes"] = ["12 pictures stand in 60 rows", "n_pairs has no effect"]
        finish(run, record)
    first, second = read_results([tmp_path / "runs"])
    assert (first.name, first.title) == ("many/scenes", "many, made up: scenes")
    assert second.fixed["data"] == "wikipedia"
    assert [setting.n_bits for setting in first.settings] == [64]
    assert len(first.done) == len(second.done) == 2
    assert provenance(second)["data settings"] == "folder=wikipedia, min_class_size=30, epochs=7"
    assert provenance(second)["notes on the data"] == "12 pictures stand in 60 rows; n_pairs has no effect"
    assert "terms of wikipedia" in provenance(second)
    page = tmp_path / "RESULTS.md"
    assert main(["results", str(tmp_path / "runs"), "--page", str(page)]) == 0
    assert "many, made up: scenes" in page.read_text()
    assert {row["data"] for row in tidy_rows([first, second])} == {"scenes", "wikipedia"}
