"""The command line: `dlchkit tour`, `run`, `notebooks`, `report`, `sweep`, `results`, `fit` and `bench`."""

import argparse
import io
import os
import shlex
import shutil
import sys
import time
from pathlib import Path

# Heavy imports stand inside the commands: `dlchkit --help` answers at once.

OUT = "-"  # a file's name that stands for the standard output


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status.

    Returns
    -------
    int
        0: done; 1: a notebook failed; 2: unusable input; 130: stopped; 141: broken pipe (the reader closed the output)
    """
    from dlchkit.errors import DataError, NotebookFailed

    _write_anything()
    options = _parser().parse_args(arguments)
    try:
        code = options.command(options)
        sys.stdout.flush()
        return code
    except DataError as error:
        return _refuse(error, 2)
    except NotebookFailed as failure:
        return _refuse(failure, 1)
    except KeyboardInterrupt:
        return _refuse("stopped; the same command goes on where it was", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        return 141
    except OSError as error:
        return _refuse(error, 1)


def _write_anything() -> None:
    """No letter that an output cannot encode, and no output that is closed, stops the work."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.StringIO())
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _refuse(reason, code: int) -> int:
    print(f"dlchkit: {' '.join(str(reason).split())}", file=sys.stderr)
    return code


def tour(options) -> int:
    """All notebooks, two at a time, each reading the records of those before; ends with the report."""
    from dlchkit.runs.tour import AT_A_TIME, plan_tour

    known = ("text", "labels", "group", "image", "id", "min_class_size", "skip_bad_rows", "follow_links", "source")
    settings = {name: value for name in known if (value := getattr(options, name)) is not None}
    plan = plan_tour(options.data, Path(options.out), settings=settings, parameters=_pairs(options.parameter))
    for line in plan.left_out:
        print(f"left out: {line}")
    for line in plan.notes:
        print(f"note: {line}")
    started = time.monotonic()
    if _run((plan.sweep,), Path(options.out), _here(AT_A_TIME), retry_failed=True):
        return 1
    print(f"The tour took {time.monotonic() - started:.0f} s. Open the report in a browser:\n{plan.report}")
    return 0


def run(options) -> int:
    """One notebook, strictly."""
    from dlchkit.runs.notebook import notebook_path, run_notebook

    parameters = {**_from_yaml(options.file), **_pairs(options.parameter)}
    run_notebook(
        notebook_path(options.notebook),
        Path(options.out),
        parameters,
        cell_timeout=options.cell_timeout,
        progress=sys.stderr.isatty(),
    )
    print(Path(options.out).resolve() / "result.json")
    return 0


def notebooks(options) -> int:
    """Copy the notebooks, sweep files, data files and cards out of the package; existing files stay."""
    from dlchkit.errors import DataError
    from dlchkit.storage import resource_folder

    folder = Path(options.folder)
    targets = {}
    for part, place in (("notebooks", folder), ("datasets", folder / "datasets")):
        home = resource_folder(part)
        kinds = (".ipynb", ".yaml", ".md", ".py", ".csv", ".txt")
        files = (path for path in sorted(home.rglob("*")) if path.is_file() and path.suffix in kinds)
        targets |= {path: place / path.relative_to(home) for path in files}
    there = next((target for target in targets.values() if target.exists()), None)
    if there:
        raise DataError(f"{there} exists already; name an empty folder, so that none of your work is overwritten")
    for file, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    print(f"{len(targets)} files in {folder.resolve()}")
    return 0


def report(options) -> int:
    """The HTML page of a folder of runs or of sweeps, with their notebooks without code beside it."""
    from dlchkit.reports import write_folder_report

    print(write_folder_report(Path(options.folder), baseline=options.baseline, price=options.price).resolve())
    return 0


def sweep(options) -> int:
    """Notebooks under many parameters and seeds; goes on where it was stopped."""
    from dlchkit.errors import DataError
    from dlchkit.runs.check import wanted_by
    from dlchkit.runs.plan import in_order
    from dlchkit.runs.sweep_file import plan_sweeps

    folder = Path(options.out)
    if (options.backend == "dask") != (options.scheduler is not None):
        raise DataError(
            "--backend dask and --scheduler ADDRESS belong together; without both the sweep runs on this machine"
        )
    if options.scheduler:
        folder = folder.resolve()  # its workers stand in other folders
    sweeps = plan_sweeps([Path(file) for file in options.sweep], folder, any_code=options.keep)
    if options.scheduler:
        from dlchkit.runs.dask_cluster import dask_backend

        backend = dask_backend(options.scheduler, folder, options.workers)
    else:
        backend = _here(1 if options.workers is None else options.workers)
    if options.dry_run:
        states = [(planned, planned.state()) for planned in in_order(sweeps)]
        with backend as (check, _):
            check(wanted_by(sweeps, [planned for planned, state in states if state != "done"]))
        for planned, state in states:
            print(f"{planned.name}: {state}")
        _say_changed_code([state for _, state in states])
        return 0
    _say_changed_code([planned.state() for planned in in_order(sweeps)])
    failed = _run(sweeps, folder, backend, retry_failed=options.retry_failed)
    n_runs = len(in_order(sweeps))
    runs = f"{n_runs - len(failed)} of {n_runs} run{'s' * (n_runs != 1)}"
    print(f"{runs} complete; for the page: dlchkit report {shlex.quote(options.out)}")
    return 1 if failed else 0


def _say_changed_code(states: list[str]) -> None:
    from dlchkit.runs.run_state import CODE_CHANGED

    n = states.count(CODE_CHANGED)
    if n:
        print(f"code changed since: {n} finished run{'s' * (n != 1)} open again; --keep keeps them")


def _here(workers: int):
    from dlchkit.runs.local import local_backend

    return local_backend(workers)


def _run(sweeps, folder: Path, backend, *, retry_failed: bool) -> list:
    """Run the unfinished runs, print those that failed with their notebooks, and return them."""
    from functools import partial

    from dlchkit.runs.display import LiveLines, LogLines
    from dlchkit.runs.local import run_sweeps

    display = LiveLines() if sys.stdout.isatty() else LogLines(partial(print, flush=True))
    failed = run_sweeps(sweeps, folder, backend=backend, display=display, retry_failed=retry_failed)
    for run, error in failed:
        notebook = run.folder / run.notebook.name
        print(f"failed: {run.name}: {error}" + (f" ({notebook})" if notebook.is_file() else ""))
    return failed


def results(options) -> int:
    """Tidy rows and a Markdown page from the records of sweeps."""
    from dlchkit.errors import DataError
    from dlchkit.reports import encode_rows, read_results, write_page, write_rows

    rows = {kind: file for kind in ("csv", "json", "parquet") if (file := getattr(options, kind))}
    if not (rows or options.page):
        raise DataError("name what to write: --csv, --json, --parquet or --page")
    found = read_results([Path(folder) for folder in options.folder])
    for kind, file in rows.items():
        if file == OUT:
            sys.stdout.buffer.write(encode_rows(found, kind=kind))
        else:
            print(write_rows(found, Path(file), kind=kind))
    if options.page:
        places = (Path(place).name if Path(place).is_absolute() else place for place in (*options.folder, options.page))
        *folders, page = places
        written = write_page(found, Path(options.page), command=f"dlchkit results {' '.join(folders)} --page {page}")
        print(written, file=sys.stderr if OUT in rows.values() else sys.stdout)  # no line of it among the rows
    return 0


def fit(options) -> int:
    """Exact hashing learned from shards of features, here or on a cluster."""
    from dlchkit.errors import DataError
    from dlchkit.lifelong import ExactHashing, load_exact, save_exact
    from dlchkit.runs.shards import fit_shards

    out = Path(options.out)
    if out.is_dir():
        raise DataError(f"{out} is a folder; name a file, e.g. {out / 'hashing.safetensors'}")
    before = load_exact(options.onto) if options.onto else ExactHashing(64 if options.bits is None else options.bits)
    if options.bits not in (None, before.n_bits):
        raise DataError(
            f"{options.onto} has codes of {before.n_bits} bits, --bits asks for {options.bits}; "
            "leave it out with --onto"
        )

    def say(done):
        sent = f", {done.nbytes / 1e6:,.1f} MB came back" if done.nbytes else ""
        skipped = f", {done.n_skipped:,} learned before left out" if done.n_skipped else ""
        print(f"{done.name}: {done.n_items:,} items in {done.seconds:.2f} s{skipped}{sent}", flush=True)

    where = {"backend": options.backend, "scheduler": options.scheduler, "n_jobs": options.workers}
    learned = fit_shards(before, options.shard, **where, skip_seen=options.skip_seen, on_shard=say)
    save_exact(learned, out)
    for line in _left_open(learned, options.onto):
        print(line)
    print(
        f"{learned.n_items:,} items learned, {before.n_items:,} of them before; "
        f"state {learned.state_bytes / 1e6:,.1f} MB"
    )
    print(out.resolve())
    return 0


def _left_open(learned, onto: str | None):
    """Lines on what could not be checked: classes and items without names."""
    if learned.class_names is None:
        yield "classes have no names: a column was taken for the same class wherever it came"
    without = learned.n_items - len(learned.seen.ids)
    if without:
        before = f" (all or some of them in {onto})" if onto else ""
        yield f"{without:,} items have no id{before}: of these, only a whole file is noticed where it comes twice"


def _pairs(parameters) -> dict[str, str]:
    return dict(parameters)


def _from_yaml(path: str | None) -> dict:
    if path is None:
        return {}
    from dlchkit.data.checked_values import read_yaml
    from dlchkit.errors import DataError

    content = read_yaml(Path(path), "parameter file")
    if not isinstance(content, dict):
        raise DataError(f"parameter file {path} must hold 'name: value' lines")
    return content


def _parser() -> argparse.ArgumentParser:
    from dlchkit.bench.commands import add_benchmarks

    parser = argparse.ArgumentParser(
        prog="dlchkit", description="Lifelong cross-modal hashing in notebooks, from pictures and texts to a report."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(function, summary):
        one = commands.add_parser(function.__name__, help=summary, description=summary)
        one.set_defaults(command=function)
        return one

    def add_parameters(one):
        one.add_argument(
            "-p",
            dest="parameter",
            nargs=2,
            action="append",
            default=[],
            metavar=("NAME", "VALUE"),
            help="a notebook's parameter",
        )

    one = command(tour, "Run all notebooks in order and write an HTML report.")
    one.add_argument(
        "--data",
        default="scenes",
        help="'scenes', a folder with an items.csv, or a data file (default: scenes); the options below win over it",
    )
    one.add_argument("--text", metavar="COL", help="column of texts")
    one.add_argument("--labels", metavar="COL[,COL]", help="label column, or several")
    one.add_argument("--group", metavar="COL", help="column whose equal values stay on one side of the split")
    one.add_argument("--image", metavar="COL", help="column of picture files")
    one.add_argument("--id", metavar="COL", help="column of unique ids")
    one.add_argument("--min-class-size", type=int, metavar="N", help="leave out classes with fewer rows")
    one.add_argument("--skip-bad-rows", action="store_true", default=None, help="leave unusable rows out and list them")
    one.add_argument(
        "--follow-links", action="store_true", default=None, help="read pictures behind links out of the folder"
    )
    one.add_argument(
        "--source",
        metavar="DIR",
        help="labelled source domain, a folder (default: scenes, or none for data with its own features)",
    )
    add_parameters(one)
    one.add_argument(
        "-o", dest="out", default="dlchkit-tour", metavar="DIR", help="folder for results (default: dlchkit-tour)"
    )

    one = command(run, "Run one notebook; unknown names and wrong types are refused.")
    one.add_argument("notebook", help="path of a notebook, or the name of one of the kit's own")
    add_parameters(one)
    one.add_argument("-f", dest="file", metavar="PARAMS.yaml", help="file of parameters; -p wins over it")
    one.add_argument(
        "-o", dest="out", required=True, metavar="DIR", help="folder for the executed notebook and result.json"
    )
    one.add_argument(
        "--cell-timeout",
        type=int,
        metavar="SECONDS",
        help="stop with a failure when a cell takes longer (default: no limit)",
    )

    one = command(notebooks, "Copy the notebooks and dataset cards into a folder.")
    one.add_argument("folder", metavar="DIR")

    one = command(report, "Write the HTML report of a folder of runs or of sweeps, and their notebooks without code.")
    one.add_argument("folder", metavar="DIR", help="folder of runs, or the one given to sweep -o")
    one.add_argument(
        "--baseline",
        metavar="NAME",
        help="sweeps: the method that others are compared with, seed by seed (default: joint)",
    )
    one.add_argument(
        "--price",
        type=float,
        metavar="EUR_PER_HOUR",
        help="sweeps: what an hour of the machine costs, to show training in money",
    )

    one = command(sweep, "Run a notebook, or several, under every combination of parameters and seeds.")
    one.add_argument(
        "sweep", nargs="+", metavar="SWEEP.yaml", help="notebook, title, parameters, grid, seeds and cell_timeout"
    )
    one.add_argument(
        "-o", dest="out", required=True, metavar="DIR", help="folder for the runs; what is done there is not done again"
    )
    one.add_argument(
        "--backend",
        choices=("local", "dask"),
        default="local",
        help="processes here, or a Dask cluster (default: local)",
    )
    one.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask scheduler, e.g. tcp://host:8786; all its workers must see DIR"
    )
    one.add_argument(
        "-j", dest="workers", type=int, metavar="N", help="runs at a time (default: 1; with dask, its workers' threads)"
    )
    one.add_argument("--retry-failed", action="store_true", help="try runs again that failed before")
    one.add_argument(
        "--keep", action="store_true", help="keep finished runs although the package's code has changed since"
    )
    one.add_argument("--dry-run", action="store_true", help="check everything and list the runs; start none")

    one = command(results, "Write tidy rows or the results page from the records of sweeps.")
    one.add_argument("folder", nargs="+", metavar="DIR", help="folder given to sweep -o")
    rows = one.add_mutually_exclusive_group()
    formats = {
        "--csv": "a row for each run and method; without FILE, to the standard output",
        "--json": "the same as JSON",
        "--parquet": "the same as Parquet (needs the extra 'parquet')",
    }
    for option, summary in formats.items():
        rows.add_argument(option, metavar="FILE", nargs="?", const=OUT, help=summary)
    one.add_argument("--page", metavar="FILE.md", help="tables with intervals over seeds, in Markdown")

    one = command(fit, "Learn exact hashing from shards of features, side by side; only their sums are put together.")
    one.add_argument(
        "shard",
        nargs="+",
        metavar="SHARD.npz",
        help="image_features, text_features and labels, best with class_names and ids; the largest fixes the ridge",
    )
    one.add_argument(
        "-o", dest="out", required=True, metavar="FILE.safetensors", help="file for the sums, codes and settings"
    )
    one.add_argument(
        "--onto", metavar="OLD.safetensors", help="learn further what an earlier call wrote; it stays as it is"
    )
    one.add_argument(
        "--backend",
        choices=("local", "dask"),
        default="local",
        help="where shards are summed: processes here, or a Dask cluster (default: local)",
    )
    one.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of the running Dask scheduler; its workers must see the shards under the same paths",
    )
    one.add_argument(
        "-j",
        dest="workers",
        type=int,
        metavar="N",
        help="shards at a time (default: one per core; with dask: two per thread)",
    )
    one.add_argument(
        "--skip-seen", action="store_true", help="leave out items learned before, by id or as a whole file, not refuse"
    )
    one.add_argument("--bits", type=int, metavar="N", help="code length (default: 64)")

    kinds = commands.add_parser("bench", help="Measure how fast the kit is here.").add_subparsers(
        required=True, metavar="WHAT"
    )
    add_benchmarks(kinds)
    return parser


if __name__ == "__main__":
    sys.exit(main())
