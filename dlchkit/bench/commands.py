"""`dlchkit bench WHAT`: the options of each benchmark and the function that runs it."""

import json

# The imports stand inside the functions, so that `dlchkit --help` answers at once.


def add_benchmarks(kinds) -> None:
    """Add every benchmark to the subparsers of `dlchkit bench`."""
    number = {"type": int, "metavar": "N"}
    whole = {"type": whole_number, "metavar": "N"}

    one = _kind(kinds, "map", _map, "Time tie-aware mAP and the loop that the field releases, on one thread.")
    one.add_argument("--size", default="mirflickr", help="mirflickr (2,000 x 18,000, 24 labels), nuswide or coco")
    one.add_argument("--queries", **number, help="queries, in place of the size's")
    one.add_argument("--database", **number, help="database items, in place of the size's")
    one.add_argument("--labels", **number, help="labels, in place of the size's")
    one.add_argument("--bits", default=64, **number, help="code length (default: 64)")
    one.add_argument("--repeat", default=5, **number, help="timings of each; the median counts (default: 5)")

    one = _kind(kinds, "search", _search, "Measure queries per second and recall of every index and of plain FAISS.")
    one.add_argument("--items", nargs="+", default=[100_000], **number, help="database sizes (default: 100000)")
    one.add_argument("--bits", nargs="+", default=[64, 128], **number, help="code lengths (default: 64 128)")
    one.add_argument("--kinds", nargs="+", metavar="KIND", help="flat, ivf, hnsw, multihash (default: all)")
    one.add_argument("--queries", default=1_000, **number, help="queries in a batch (default: 1000)")
    one.add_argument("-k", default=100, **number, help="neighbours of each query (default: 100)")
    one.add_argument("--repeat", default=7, **number, help="timings of each; the median counts (default: 7)")

    one = _kind(
        kinds, "increment", _increment, "Measure an increment of exact hashing at growing numbers of old items."
    )
    one.add_argument("--items", nargs="+", **whole, help="old items, increasing (default: 1e4 1e5 1e6)")
    one.add_argument("--new", default=2_000, **whole, help="items of the increment (default: 2000)")
    one.add_argument("--classes", default=50, **number, help="classes, 5 of them new (default: 50)")
    one.add_argument("--bits", default=64, **number, help="code length (default: 64)")
    one.add_argument("--repeat", default=41, **number, help="increments at each size; the median counts (default: 41)")

    summary = "Work out memory, time and machines for very many items from what the others measured."
    one = kinds.add_parser("scale", help=summary, description=summary)
    one.set_defaults(command=_scale)
    one.add_argument("search", metavar="SEARCH.json", help="the output of: dlchkit bench search --json")
    one.add_argument("--increment", metavar="INCREMENT.json", help="the output of: dlchkit bench increment --json")
    one.add_argument("--items", default=10**9, **whole, help="items to search (default: 1e9)")
    one.add_argument("--classes", default=10_000, **number, help="classes (default: 10000)")
    one.add_argument("--memory", type=float, default=64, metavar="GB", help="memory of one machine (default: 64)")
    one.add_argument("--cores", default=16, **number, help="cores of one machine (default: 16)")
    one.add_argument("--price", type=float, metavar="AMOUNT", help="price of one machine for an hour")
    one.add_argument("--rate", type=float, default=100, metavar="N", help="queries per second (default: 100)")


def whole_number(text: str) -> int:
    """Read a whole number written as 1000000000 or 1e9."""
    if not float(text).is_integer():
        raise ValueError(text)
    return int(float(text))


def _kind(kinds, name, function, summary):
    one = kinds.add_parser(name, help=summary, description=summary)
    one.set_defaults(command=function)
    one.add_argument("--json", action="store_true", help="print everything as JSON")
    return one


def _show(options, measured: dict, describe) -> int:
    print(json.dumps(measured, indent=2) if options.json else describe(measured))
    return 0


def _map(options) -> int:
    from dlchkit.bench.ranking import bench_map, describe_map

    sizes = {"n_queries": options.queries, "n_database": options.database, "n_labels": options.labels}
    measured = bench_map(size=options.size, **sizes, n_bits=options.bits, repeat=options.repeat)
    return _show(options, measured, describe_map)


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


def _scale(options) -> int:
    from dlchkit.bench.scale import describe_scale, read_measured
    from dlchkit.errors import DataError

    rows = read_measured(options.search).get("rows")
    if not isinstance(rows, list) or not rows:
        raise DataError(f"{options.search} has no rows; write it with dlchkit bench search --json > {options.search}")
    shown = describe_scale(
        rows,
        read_measured(options.increment) if options.increment else None,
        n_items=options.items,
        n_classes=options.classes,
        memory_gb=options.memory,
        cores=options.cores,
        price_per_hour=options.price,
        rate=options.rate,
    )
    print(shown)
    return 0
