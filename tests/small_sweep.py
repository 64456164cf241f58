"""A sweep small enough for tests: a notebook of three cells, and questions that tests ask about its runs."""

import subprocess
import sys
import time

import nbformat
import psutil
import yaml
from nbformat.v4 import new_code_cell, new_notebook

from dlchkit.cli import main
from dlchkit.runs.notebook import notebook_path, read_parameters
from dlchkit.runs.plan import load_plan

PARAMETERS = """
n_bits: int = 16  # code length
rate: float = 0.5  # a rate
name: str = "a"  # a name
sizes: list = [1, 2]  # sizes
seed: int = 0  # seed
out: str = ""  # folder
""".strip()
SAVES = """
import os, time
from dlchkit.records import RunRecord

began = time.time()
threads = {name: value for name, value in os.environ.items() if name.endswith("NUM_THREADS")}
record = RunRecord("small", {"n_bits": n_bits, "seed": seed, "rate": rate}, seed=seed, environment=threads)
"""
DONE = """
record.findings = {"began": began, "ended": time.time(), "kernel": os.getpid()}
record.save(out)
"""
WAITS_FOR_ANOTHER = """
import pathlib

open(f"{out}/here", "w").close()
deadline = time.time() + 40
while n_bits < 64 and len(list(pathlib.Path(out).parent.glob("*/here"))) < 2 and time.time() < deadline:
    time.sleep(0.02)
"""
SLEEPS_ONCE = """
if n_bits == 32 and not os.path.exists(f"{out}/kernel"):
    open(f"{out}/kernel.tmp", "w").write(f"{os.getpid()} {os.getppid()}")
    os.rename(f"{out}/kernel.tmp", f"{out}/kernel")
    time.sleep(600)
"""
OWN_DATA = {"epochs": 2, "n_source": 120}  # settings that pictures of one's own take, too
SMALLEST = {**OWN_DATA, "n_pairs": 300, "n_items": 120, "bit_lengths": [8, 64]}
SMALLEST |= {"transfer_epochs": 1, "budgets": [5], "n_seeds": 1}


def smallest_tour(*notebooks):
    """Return the options of the smallest tour, or of one through these notebooks alone."""
    known = set().union(OWN_DATA, *(read_parameters(notebook_path(name)) for name in notebooks))
    if not notebooks:
        known = set(SMALLEST)
    return [word for name, value in SMALLEST.items() if name in known for word in ("-p", name, str(value))]


def write_sweep(folder, *cells, name="small", **entries):
    """Write a notebook and a sweep file beside it; ``cells`` stand between its first and its last cell."""
    folder.mkdir(exist_ok=True)
    first = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    others = map(new_code_cell, [SAVES, *cells, DONE])
    nbformat.write(new_notebook(cells=[first, *others], metadata=kernel), folder / "small.ipynb")
    content = {"notebook": "small.ipynb", "title": "A small one", "grid": {"n_bits": [16, 32]}, "seeds": [0]} | entries
    content = {key: value for key, value in content.items() if value is not None}
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


def command(file, out, *options):
    return main(["sweep", str(file), "-o", str(out), *options])


def start_sweep(file, out, *options):
    """Start a sweep in a process of its own, which Ctrl-C reaches even where pytest ignores it."""
    code = [
        "import signal, sys",
        "signal.signal(signal.SIGINT, signal.default_int_handler)",
        "from dlchkit.cli import main",
        "sys.exit(main())",
    ]
    arguments = [sys.executable, "-c", "; ".join(code), "sweep", str(file), "-o", str(out), *options]
    return subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def kernel_of(out):
    """Wait for the kernel of a run that sleeps; return the numbers of its process and of the run's."""
    (path, *_) = wait_for(lambda: list(out.glob("small/*/kernel")))
    return [int(process) for process in path.read_text().split()]


def runs_of(out, name="small"):
    _, runs = load_plan(out / name)
    return {(run.parameters["n_bits"], run.parameters["seed"]): run for run in runs}


def wait_for(condition, seconds=120):
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
