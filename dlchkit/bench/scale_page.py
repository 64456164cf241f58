"""The page of `scale`: every number with the product it comes from, in plain words."""

from dlchkit.bench.scale import USABLE


def scale_page(worked_out: dict) -> str:
    """Markdown of what `work_out_scale` returned."""
    return "\n".join([*_head(worked_out), *_search(worked_out), *_labels(worked_out), *_training(worked_out), *_limits(worked_out)]) + "\n"


def _head(found):
    machine = found["machine"]
    price = "no price given" if machine["price_per_hour"] is None else f"{machine['price_per_hour']:g} an hour"
    return [
        f"# {found['n_items']:,} items, {found['n_classes']:,} classes",
        "",
        "Worked out from short measurements; nothing was run at this size. The limits stand at the end.",
        "",
        (
            f"One machine: {machine['memory_gb']:g} GB of memory (GB = 10^9 bytes), of which {USABLE:.0%} may be filled, {machine['cores']} cores, {price}. "
            f"All machines together answer {found['queries_per_second']:g} queries per second."
        ),
        "",
    ]


def _search(found):
    lines = ["## Search", "", "| kind | bits | memory | one query, one core | machines | one query, all cores | price per hour | recall measured |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for one in found["search"]:
        price = "" if one["price_per_hour"] is None else f"{one['price_per_hour']:g}"
        lines.append(
            f"| {one['kind']} | {one['n_bits']} | {_bytes(one['memory_bytes'])} | {_seconds(one['seconds_per_query'])} | {one['machines']:,} | "
            f"{_seconds(one['seconds_on_all_cores'])} | {price} | {one['recall']:.3f} |"
        )
    lines += ["", "How each comes about:", ""]
    machine, wanted = found["machine"], found["queries_per_second"]
    for one in found["search"]:
        lines.append(
            f"- **{one['kind']}, {one['n_bits']} bits**: {found['n_items']:,} items x {one['bytes_per_item']:.1f} bytes = {_bytes(one['memory_bytes'])}; "
            f"/ ({USABLE:g} x {machine['memory_gb']:g} GB) gives {one['machines_for_memory']:,} for memory. "
            f"{found['n_items']:,} items x {one['seconds_per_query_and_item']:.3g} s = {_seconds(one['seconds_per_query'])} per query; "
            f"x {wanted:g} queries per second / {machine['cores']} cores gives {one['machines_for_queries']:,} for speed. The larger number counts. {_line(one)}"
        )
    return [*lines, ""]


def _line(one):
    sizes = ", ".join(f"{size:,}" for size in one["measured_items"])
    if one["growth"] is None:
        return f"Measured at one size only, {sizes} items: whether time is proportional to items was not checked."
    return f"Measured at {sizes} items: per item, a query takes {one['growth']:.2f} times as long at the largest as at the smallest."


def _labels(found):
    return [
        "## Labels",
        "",
        (
            f"The index holds no labels. A `CodeBank` keeps one byte per item and class: {found['n_items']:,} x {found['n_classes']:,} = "
            f"{_bytes(found['labels_dense_bytes'])}. "
            f"Lists of class numbers, 4 bytes each, would take {_bytes(4 * found['n_items'])} for every label that an item has on average; the kit has no such lists yet."
        ),
        "",
    ]


def _training(found):
    one = found["training"]
    if one is None:
        return ["## Learning", "", "No increment was measured, so nothing is said about learning; name its JSON with `--increment`.", ""]
    price = "" if one["price"] is None else f" At the machine's price that is {one['price']:,.0f}."
    return [
        "## Learning",
        "",
        (
            f"- **Time**: {one['seconds_per_increment']:.3g} s / {one['new_items']:,} new items = {one['seconds_per_item']:.3g} s per item; "
            f"x {found['n_items']:,} items = {_seconds(one['seconds'])} in one process, if the time of an item does not depend on the classes; "
            f"if it grows in proportion to them, x {one['times_classes']:.4g} ({found['n_classes']:,} classes / {one['n_classes']:,} measured) = "
            f"{_seconds(one['seconds_at_most'])}.{price}"
        ),
        (
            f"- **State**: {_bytes(one['state_bytes'])} at {one['n_classes']:,} classes and {one['n_features']:,} features; at most "
            f"x {one['times_classes']:.4g} = {_bytes(one['state_bytes_at_most'])}, since what does not depend on classes is multiplied along. It does not grow with the items."
        ),
        "",
    ]


def _limits(found):
    largest = max(max(one["measured_items"]) for one in found["search"])
    return [
        "## Limits",
        "",
        f"- The largest size measured is {largest:,} items; this page goes {found['n_items'] / largest:,.0f} times as far, along a straight line through zero.",
        (
            "- Measured on synthetic codes in clusters, in batches, on one thread whose caches hold part of the index. Beyond them memory is slower: "
            "take the seconds as a lower bound for `flat`, and expect `hnsw` and `multihash`, which jump through memory, to suffer more."
        ),
        "- `ivf` reads a fixed number of lists and has more lists on more items, so a line overstates its time; recall at this size was not measured for any approximate kind.",
        "- Cores are counted as if each were as fast as the one measured while all work; the network between machines, copies against failures and the time to build are left out.",
        "- Shards of `flat` answer exactly as one index does, since the nearest of all are among the nearest of each; the kit itself does not shard FAISS, a Milvus cluster does.",
    ]


def _bytes(number):
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}" if number < 1e15 else f"{number / size:,.0f} {unit}"
    return f"{number:.0f} bytes"


def _seconds(number):
    for unit, size in (("years", 365.25 * 86400), ("days", 86400), ("hours", 3600), ("minutes", 60), ("s", 1), ("ms", 1e-3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number * 1e6:.3g} µs"
