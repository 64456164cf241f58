"""A sweep small enough for tests: a notebook of three cells, and what a test asks of its runs."""

import time

import nbformat
import psutil
import yaml
from nbformat.v4 import new_code_cell, new_notebook

from dlchkit.cli import main
from dlchkit.runs.plan import load_plan

PARAMETERS = 'n_bits: int = 16  # code length\nrate: float = 0.5  # a rate\nname: str = "a"  # a name\nsizes: list = [1, 2]  # sizes\nseed: int = 0  # seed\nout: str = ""  # folder'
SAVES = """
import os, time
from dlchkit.records import RunRecord

began = time.time()
record = RunRecord("small", {"n_bits": n_bits, "seed": seed, "rate": rate}, seed=seed, environment={name: value for name, value in os.environ.items() if name.endswith("NUM_THREADS")})
"""
DONE = 'record.findings = {"began": began, "ended": time.time(), "kernel": os.getpid()}\nrecord.save(out)'


def write_sweep(folder, *cells, name="small", **entries):
    """A notebook and a sweep file beside it; without cells the notebook is never run."""
    folder.mkdir(exist_ok=True)
    sources = [SAVES, *cells, DONE]
    first = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=[first, *map(new_code_cell, sources)], metadata=kernel), folder / "small.ipynb")
    content = {"notebook": "small.ipynb", "title": "A small one", "grid": {"n_bits": [16, 32]}, "seeds": [0]} | entries
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}, sort_keys=False))
    return file


def command(file, out, *options):
    return main(["sweep", str(file), "-o", str(out), *options])


def runs_of(out, name="small"):
    return {(run.parameters["n_bits"], run.parameters["seed"]): run for run in load_plan(out / name)[1]}


def wait_for(condition, seconds=40):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


def is_alive(process):
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
