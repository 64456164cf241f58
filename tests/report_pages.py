"""Made-up runs and sweeps, and pages read back: what the tests of reports share."""

import itertools
import re
import shutil
from html.parser import HTMLParser

import nbformat
import numpy as np
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from dlchkit.data import DIRECTIONS
from dlchkit.metrics.summary import summarise
from dlchkit.records import MethodRecord, RunRecord
from dlchkit.runs.plan import load_plan, save_plan
from dlchkit.runs.sweep_file import plan_sweeps

PARAMETERS = """data: str = "scenes"  # data
n_bits: int = 64  # code length
rehearsal: int = 5  # kept
methods: list = []  # methods
sizes: list = [1]  # sizes
seed: int = 0  # seed
out: str = ""  # folder"""
BITS, SEEDS = (16, 64), (0, 1, 2)
METHODS = {"joint": 0.0, "dlch": 0.05, "finetune": 0.3, "lsh": 0.4}  # how far each lies below joint retraining
ENVIRONMENT = {"python": "3", "device": "cpu", "threads": 1, "versions": {"numpy": "2", "papermill": None}}
EVIL = "<script>alert('x')</script>"
NAN = float("nan")


def random_R(random, below, stages, *, last_only=False):
    """R that falls by up to ``below``, for both directions."""
    R = {}
    for direction in DIRECTIONS:
        falling = 0.9 - below * np.arange(stages)[:, None] / stages
        R[direction] = np.where(np.tri(stages, dtype=bool), falling - 0.05 * random.random((stages, stages)), NAN)
        if last_only:
            R[direction][: stages - 1] = NAN
    return R


def made_up(bits, seed, *, methods=METHODS, data="scenes", stages=3):
    """A record as notebook 03 leaves it: lsh learned once on everything; dlch has encoded codes too."""
    random = np.random.default_rng([bits, seed])
    record = RunRecord(
        "03_increments", {"data": data, "n_bits": bits, "seed": seed}, seed, environment=dict(ENVIRONMENT)
    )
    for name, below in methods.items():
        R = random_R(random, below, stages, last_only=name == "lsh")
        seconds = [10 + random.random(), *(random.uniform(8, 12, stages - 1) * (1 if name == "joint" else 0.2))]
        unchanged = [True] + [name != "joint"] * (stages - 1)
        if name == "lsh":
            seconds, unchanged = [NAN] * (stages - 1) + [5.0], []
        other = {"encoded": random_R(random, below + 0.1, stages)} if name == "dlch" else {}
        record.methods[name] = MethodRecord(R=R, seconds=seconds, old_codes_unchanged=unchanged, other_R=other)
    record.metrics = summarise(record.methods)
    found = {"data": data, "n_pairs": 1234, "n_classes": 7, "classes_per_stage": [4, 3]}
    record.findings = found | {"split_digest": f"split{seed}"}
    return record


def plan(folder, *, name="fashion", notebook="03_increments", out="runs", **entries):
    """A sweep that is planned, with none of its runs done: (bits, seed) -> run."""
    cells = [new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), new_markdown_cell("# What we saw")]
    nbformat.write(new_notebook(cells=cells), folder / f"{notebook}.ipynb")
    content = {"notebook": f"{notebook}.ipynb", "title": f"{name}, made up", "parameters": {}}
    content |= {"grid": {"n_bits": list(BITS)}, "seeds": list(SEEDS)} | entries
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    (sweep,) = plan_sweeps([folder / f"{name}.yaml"], folder / out)
    save_plan(sweep, folder / out)
    return {(run.parameters.get("n_bits"), run.parameters["seed"]): run for run in load_plan(folder / out / name)[1]}


def finish(run, record):
    """Leave a record and a notebook as a run that is done does."""
    record.save(run.folder)
    shutil.copyfile(run.notebook, run.folder / run.notebook.name)
    (run.folder / "done.txt").write_text(run.digest)


def finished(folder, **options):
    """A sweep all of whose runs are done."""
    runs = plan(folder)
    for point, run in runs.items():
        finish(run, made_up(*point, **options))
    return runs


def at_bits(results, n_bits):
    """The setting of a sweep with codes of this length."""
    (setting,) = [setting for setting in results.settings if setting.n_bits == n_bits]
    return setting


class Page(HTMLParser):
    """Words, tags and tables of a page; a cell is its attributes and its words."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.words, self.tables = [], "", {}
        self.table, self.cell, self.skip = [], None, False
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.words = " ".join(self.words.split())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        self.words += "" if tag in ("strong", "small", "span") else " "
        self.skip = tag in ("style", "script")
        if tag == "div" and attributes.get("class", "").startswith("scroll"):
            self.table = self.tables.setdefault(attributes["aria-label"], [])
        elif tag == "tr":
            self.table.append([])
        elif tag in ("td", "th"):
            self.cell = [attributes, ""]
            self.table[-1].append(self.cell)

    def handle_endtag(self, tag):
        self.skip = False
        if tag in ("td", "th"):
            self.cell = None

    def handle_data(self, data):
        if not self.skip:
            self.words += data
            if self.cell is not None:
                self.cell[1] += data

    def all(self, tag):
        """The attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]

    def rows(self, start):
        """Name -> cells of its row, of the one sortable table whose own name starts so."""
        (rows,) = [rows for name, rows in self.tables.items() if name.startswith(start)]
        return {" ".join(row[0][1].split()): row[1:] for row in rows if len(row) > 1 and "data-value" in row[1][0]}

    def check_order(self):
        """Assert what every page keeps: headings and links in order, names on pictures, nothing from elsewhere."""
        levels = [int(tag[1]) for tag, _ in self.tags if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        addresses = [
            value
            for _, attributes in self.tags
            for name, value in attributes.items()
            if name in ("src", "href", "srcset", "action", "data")
        ]
        assert addresses and all(address.startswith(("data:image/", "#", "./")) for address in addresses)
        assert (
            "http" not in self.source
            and "url(" not in self.source.replace("url(#", "")
            and "@import" not in self.source
        )
        ids = [attributes["id"] for _, attributes in self.tags if "id" in attributes]
        assert len(set(ids)) == len(ids) and {value[1:] for value in addresses if value.startswith("#")} <= set(ids)
        assert not self.all("link") and self.all("html")[0]["lang"] == "en"
        assert all("scope" in cell for cell in self.all("th"))
        assert all(svg.get("aria-hidden") or svg["aria-label"] for svg in self.all("svg"))
        assert len(self.source.encode()) < 2_000_000
