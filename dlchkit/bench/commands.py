"""`dlchkit bench WHAT`: one function and a few lines of options for each benchmark."""

import json
from pathlib import Path

# Heavy imports stand inside the functions: `dlchkit --help` answers at once.


def add_benchmarks(kinds) -> None:
    """Add every benchmark to the subparsers of `dlchkit bench`."""
    one = _kind(kinds, "map", _map, "Time tie-aware mAP beside the loop that the field releases, on one thread.")
    one.add_argument("--size", default="mirflickr", help="mirflickr (2,000 x 18,000, 24 labels; default), nuswide or coco")
    one.add_argument("--queries", type=int, metavar="N", help="queries, in place of the size's")
    one.add_argument("--database", type=int, metavar="N", help="database items, in place of the size's")
    one.add_argument("--labels", type=int, metavar="N", help="labels, in place of the size's")
    one.add_argument("--bits", type=int, default=64, metavar="N", help="code length (default: 64)")
    one.add_argument("--repeat", type=int, default=5, metavar="N", help="runs of each, of which the median counts (default: 5)")

    one = _kind(kinds, "search", _search, "Queries per second and recall of every kind of index, beside plain FAISS, on one thread.")
    one.add_argument("--items", type=int, nargs="+", default=[100_000], metavar="N", help="database sizes (default: 100000)")
    one.add_argument("--bits", type=int, nargs="+", default=[64, 128], metavar="N", help="code lengths (default: 64 128)")
    one.add_argument("--kinds", nargs="+", metavar="KIND", help="flat, ivf, hnsw, multihash (default: all)")
    one.add_argument("--queries", type=int, default=1_000, metavar="N", help="queries in a batch (default: 1000)")
    one.add_argument("-k", type=int, default=100, metavar="N", help="neighbours of each query (default: 100)")
    one.add_argument("--repeat", type=int, default=7, metavar="N", help="timings of each, of which the median counts (default: 7)")

    one = _kind(kinds, "increment", _increment, "Time and memory of one increment of exact hashing beside more and more old items, on one thread.")
    one.add_argument("--items", type=whole_number, nargs="+", metavar="N", help="old items, increasing (default: 1e4 1e5 1e6)")
    one.add_argument("--new", type=whole_number, default=2_000, metavar="N", help="items of the increment (default: 2000)")
    one.add_argument("--classes", type=int, default=50, metavar="N", help="classes in all, 5 of them new with the increment (default: 50)")
    one.add_argument("--bits", type=int, default=64, metavar="N", help="code length (default: 64)")
    one.add_argument("--repeat", type=int, default=41, metavar="N", help="increments at each size, of which the median counts (default: 41)")

    one = _kind(kinds, "kills", _kills, "Kill what is being written at random moments; what is on disk must be whole or absent.")
    one.add_argument("--times", type=int, default=200, metavar="N", help="kills (default: 200; with all: sweep a tenth, tour a hundredth)")
    one.add_argument("--what", default="all", help="cache, saving, sweep, tour or all (default: all)")

    one = _kind(kinds, "sweep", _sweep, "A sweep that is killed half-way and holds a run that fails, beside one core's undisturbed time.")
    one.add_argument("--seeds", type=int, default=10, metavar="N", help="seeds, four runs of 03_increments each (default: 10)")
    one.add_argument("-j", dest="workers", type=int, default=2, metavar="N", help="runs at a time, a core each (default: 2)")
    one.add_argument("-o", dest="out", metavar="DIR", help="keep the sweep and its report there")

    one = _kind(kinds, "scale", _scale, "Work out memory, time and machines for very many items from measured slopes.")
    one.add_argument("search", metavar="SEARCH.json", help="written by: dlchkit bench search --json")
    one.add_argument("--increment", metavar="INCREMENT.json", help="written by: dlchkit bench increment --json")
    one.add_argument("--items", type=whole_number, default=10**9, metavar="N", help="items to search among (default: 1e9)")
    one.add_argument("--classes", type=int, default=10_000, metavar="N", help="classes (default: 10000)")
    one.add_argument("--memory", type=float, default=64, metavar="GB", help="memory of one machine (default: 64)")
    one.add_argument("--cores", type=int, default=16, metavar="N", help="cores of one machine (default: 16)")
    one.add_argument("--price", type=float, metavar="AMOUNT", help="price of one machine for an hour")
    one.add_argument("--rate", type=float, default=100, metavar="N", help="queries per second that must be answered (default: 100)")
    one.add_argument("--page", metavar="FILE.md", help="write the page there (default: print it)")


def whole_number(text: str) -> int:
    """The number that 1e9 and 1000000000 both write."""
    if not float(text).is_integer():
        raise ValueError(text)
    return int(float(text))


def _kind(kinds, name, function, summary):
    one = kinds.add_parser(name, help=summary, description=summary)
    one.set_defaults(command=function)
    one.add_argument("--json", action="store_true", help="everything found, as JSON")
    return one


def _show(options, measured: dict, describe) -> int:
    print(json.dumps(measured, indent=2) if options.json else describe(measured))
    return 0


def _map(options) -> int:
    from dlchkit.bench.ranking import bench_map, describe_map

    sizes = {"n_queries": options.queries, "n_database": options.database, "n_labels": options.labels}
    return _show(options, bench_map(size=options.size, **sizes, n_bits=options.bits, repeat=options.repeat), describe_map)


def _search(options) -> int:
    from dlchkit.bench.search import bench_search, describe_search
    from dlchkit.index import KINDS

    measured = bench_search(
        items=options.items,
        bits=options.bits,
        kinds=options.kinds or tuple(KINDS),
        n_queries=options.queries,
        k=options.k,
        repeat=options.repeat,
    )
    return _show(options, measured, describe_search)


def _increment(options) -> int:
    from dlchkit.bench.increment import ITEMS, bench_increment, describe_increment

    sizes = {"items": options.items or ITEMS, "n_new": options.new, "n_classes": options.classes}
    return _show(options, bench_increment(**sizes, n_bits=options.bits, repeat=options.repeat), describe_increment)


def _kills(options) -> int:
    from dlchkit.bench.kills import bench_kills, describe_kills

    found = bench_kills(times=options.times, what=options.what)
    _show(options, found, describe_kills)
    return int(any(row["damaged"] or row["completed"] < row["second_runs"] for row in found["rows"]))


def _sweep(options) -> int:
    from dlchkit.bench.sweeps import bench_sweep, describe_sweep

    found = bench_sweep(n_seeds=options.seeds, workers=options.workers, folder=options.out)
    _show(options, found, describe_sweep)
    return int(found["complete"] != found["runs"] - 1 or not found["report_says"] or found["complete_after_retry"] != found["runs"])


def _scale(options) -> int:
    from dlchkit.bench.scale import Machine, read_measured, work_out_scale
    from dlchkit.bench.scale_page import scale_page
    from dlchkit.errors import DataError
    from dlchkit.storage import atomic_path

    rows = read_measured(options.search).get("rows")
    if not isinstance(rows, list):
        raise DataError(f"{options.search} has no rows; write it with dlchkit bench search --json > {options.search}")
    worked_out = work_out_scale(
        rows,
        read_measured(options.increment) if options.increment else None,
        n_items=options.items,
        n_classes=options.classes,
        machine=Machine(options.memory, options.cores, options.price),
        queries_per_second=options.rate,
    )
    if not options.page:
        return _show(options, worked_out, lambda found: scale_page(found).rstrip())
    with atomic_path(Path(options.page)) as temporary:
        temporary.write_text(scale_page(worked_out), encoding="utf-8")
    return _show(options, worked_out, lambda _: options.page)
