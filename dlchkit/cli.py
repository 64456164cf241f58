"""The command line: `dlchkit tour`, `run`, `notebooks`, `report`, `sweep`, `results` and `bench`."""

import argparse
import shutil
import sys
import time
from pathlib import Path

# Heavy imports stand inside the commands: `dlchkit --help` answers at once.


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 done, 1 a notebook failed, 2 input that cannot be used, 130 stopped."""
    from dlchkit.errors import DataError, NotebookFailed

    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except DataError as error:
        return _refuse(error, 2)
    except NotebookFailed as failure:
        return _refuse(failure, 1)
    except KeyboardInterrupt:
        return _refuse("stopped; the same command goes on where it was", 130)
    except OSError as error:
        return _refuse(error, 1)


def _refuse(reason, code: int) -> int:
    print(f"dlchkit: {' '.join(str(reason).split())}", file=sys.stderr)
    return code


def tour(options) -> int:
    """All notebooks in order, each reading the records of those before; ends with the report."""
    from dlchkit.tour import plan_tour, run_tour

    plan = plan_tour(
        options.data,
        Path(options.out),
        text=options.text,
        labels=options.labels,
        group=options.group,
        min_class_size=options.min_class_size,
        skip_bad_rows=options.skip_bad_rows,
        source=options.source,
        parameters=_pairs(options.parameter),
    )
    for line in plan.left_out:
        print(f"left out: {line}")
    started = time.monotonic()
    report = run_tour(plan, say=print, progress=sys.stderr.isatty())
    print(f"The tour took {time.monotonic() - started:.0f} s. Open the report in a browser:\n{report}")
    return 0


def run(options) -> int:
    """One notebook, strictly."""
    from dlchkit.batch import notebook_path, run_notebook

    parameters = {**_from_yaml(options.file), **_pairs(options.parameter)}
    run_notebook(notebook_path(options.notebook), Path(options.out), parameters, progress=sys.stderr.isatty())
    print(Path(options.out).resolve() / "result.json")
    return 0


def notebooks(options) -> int:
    """Copy notebooks and dataset cards out of the package; files that are there stay."""
    from dlchkit.batch import resource_folder
    from dlchkit.errors import DataError

    folder = Path(options.folder)
    files = [*sorted(resource_folder("notebooks").glob("*.ipynb")), *sorted(resource_folder("datasets").glob("*.md"))]
    targets = {file: folder / ("datasets" if file.suffix == ".md" else "") / file.name for file in files}
    there = next((target for target in targets.values() if target.exists()), None)
    if there:
        raise DataError(f"{there} exists already; name an empty folder, so that none of your work is overwritten")
    for file, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    print(f"{len(files)} files in {folder.resolve()}")
    return 0


def report(options) -> int:
    """The HTML page of a folder of runs."""
    from dlchkit.errors import DataError
    from dlchkit.report import write_report

    runs = sorted(path.parent for path in Path(options.folder).glob("*/result.json"))
    if not runs:
        raise DataError(f"{options.folder} holds no run: there is no FOLDER/*/result.json in it")
    print(write_report(runs, Path(options.folder) / "report.html").resolve())
    return 0


def sweep(options) -> int:
    """One notebook under many parameters and seeds; goes on where it was stopped."""
    from functools import partial

    from dlchkit.sweep import in_order, plan_sweeps
    from dlchkit.workers import run_sweeps

    folder = Path(options.out)
    sweeps = plan_sweeps([Path(file) for file in options.sweep], folder)
    if options.dry_run:
        for planned in in_order(sweeps):
            print(f"{planned.name}: {planned.state()}")
        return 0
    say = partial(print, flush=True)
    failed = run_sweeps(sweeps, folder, workers=options.workers, retry_failed=options.retry_failed, say=say)
    for one in failed:
        say(f"failed: {one.name}: {one.failure()['error']}")
    return 1 if failed else 0


def results(options) -> int:
    """Tidy rows and a Markdown page from the records of sweeps."""
    from dlchkit.errors import DataError
    from dlchkit.results import read_results, write_page, write_rows

    if not (options.csv or options.json or options.page):
        raise DataError("name what to write: --csv, --json or --page, each with a file")
    found = read_results([Path(folder) for folder in options.folder])
    if options.csv or options.json:
        print(write_rows(found, Path(options.csv or options.json), as_json=bool(options.json)))
    if options.page:
        places = (Path(place).name if Path(place).is_absolute() else place for place in (*options.folder, options.page))
        *folders, page = places
        print(write_page(found, Path(options.page), command=f"dlchkit results {' '.join(folders)} --page {page}"))
    return 0


def bench_map(options) -> int:
    """Seconds of tie-aware mAP and of the field's loop, on synthetic codes."""
    import json

    from dlchkit import bench

    sizes = {"n_queries": options.queries, "n_database": options.database, "n_labels": options.labels}
    measured = bench.bench_map(size=options.size, **sizes, n_bits=options.bits, repeat=options.repeat)
    print(json.dumps(measured, indent=2) if options.json else bench.describe_map(measured))
    return 0


def _pairs(parameters) -> dict[str, str]:
    return {name: value for name, value in parameters}


def _from_yaml(path: str | None) -> dict:
    if path is None:
        return {}
    import yaml

    from dlchkit.errors import DataError

    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"parameter file {path} does not exist") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"parameter file {path} is not readable YAML: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"parameter file {path} must hold 'name: value' lines")
    return content


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dlchkit", description="Lifelong cross-modal hashing in notebooks, from pictures and texts to a report.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(function, summary):
        one = commands.add_parser(function.__name__, help=summary, description=summary)
        one.set_defaults(command=function)
        return one

    def add_parameters(one):
        one.add_argument("-p", dest="parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="a notebook's parameter")

    one = command(tour, "Run all notebooks in order and write an HTML report.")
    one.add_argument("--data", default="scenes", help="'scenes', or a folder with an items.csv (default: scenes)")
    one.add_argument("--text", default="text", metavar="COL", help="column of texts")
    one.add_argument("--labels", default="label", metavar="COL[,COL]", help="label column, or several")
    one.add_argument("--group", default="", metavar="COL", help="column whose equal values stay on one side of the split")
    one.add_argument("--min-class-size", type=int, default=0, metavar="N", help="leave out classes with fewer rows")
    one.add_argument("--skip-bad-rows", action="store_true", help="leave unusable rows out and list them")
    one.add_argument("--source", default=None, help="folder of the labelled source domain (default: scenes, or none for stored features)")
    add_parameters(one)
    one.add_argument("-o", dest="out", default="dlchkit-tour", metavar="DIR", help="folder for results (default: dlchkit-tour)")

    one = command(run, "Run one notebook; unknown names and wrong types are refused.")
    one.add_argument("notebook", help="path of a notebook, or the name of one of the kit's own")
    add_parameters(one)
    one.add_argument("-f", dest="file", metavar="PARAMS.yaml", help="file of parameters; -p wins over it")
    one.add_argument("-o", dest="out", required=True, metavar="DIR", help="folder for the executed notebook and result.json")

    one = command(notebooks, "Copy the notebooks and dataset cards into a folder.")
    one.add_argument("folder", metavar="DIR")

    one = command(report, "Write the HTML report of a folder of runs.")
    one.add_argument("folder", metavar="DIR")

    one = command(sweep, "Run a notebook under every combination of parameters and seeds.")
    one.add_argument("sweep", nargs="+", metavar="SWEEP.yaml", help="notebook, title, parameters, grid and seeds")
    one.add_argument("-o", dest="out", required=True, metavar="DIR", help="folder for the runs; what is done there is not done again")
    one.add_argument("-j", dest="workers", type=int, default=1, metavar="N", help="runs at a time, which share the cores (default: 1)")
    one.add_argument("--retry-failed", action="store_true", help="try runs again that failed before")
    one.add_argument("--dry-run", action="store_true", help="check everything and list the runs; start none")

    one = command(results, "Write tidy rows or the results page from the records of sweeps.")
    one.add_argument("folder", nargs="+", metavar="DIR", help="folder given to sweep -o")
    rows = one.add_mutually_exclusive_group()
    rows.add_argument("--csv", metavar="FILE", help="a row for each run and method")
    rows.add_argument("--json", metavar="FILE", help="the same as JSON")
    one.add_argument("--page", metavar="FILE.md", help="tables with intervals over seeds, in Markdown")

    kinds = commands.add_parser("bench", help="Measure how fast the kit is here.").add_subparsers(required=True, metavar="WHAT")
    summary = "Time tie-aware mAP beside the loop that the field releases, on one thread."
    one = kinds.add_parser("map", help=summary, description=summary)
    one.set_defaults(command=bench_map)
    one.add_argument("--size", default="mirflickr", help="mirflickr (2,000 x 18,000, 24 labels; default), nuswide or coco")
    one.add_argument("--queries", type=int, metavar="N", help="queries, in place of the size's")
    one.add_argument("--database", type=int, metavar="N", help="database items, in place of the size's")
    one.add_argument("--labels", type=int, metavar="N", help="labels, in place of the size's")
    one.add_argument("--bits", type=int, default=64, metavar="N", help="code length (default: 64)")
    one.add_argument("--repeat", type=int, default=5, metavar="N", help="runs of each, of which the median counts (default: 5)")
    one.add_argument("--json", action="store_true", help="everything measured, as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
