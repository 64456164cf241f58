"""Prepare "flipkart" from the public sample of Flipkart's products (a CSV file and pictures); see flipkart.md.

    python datasets/prepare_flipkart.py ORIGINAL $DLCHKIT_DATASETS/flipkart
    python datasets/prepare_flipkart.py --check $DLCHKIT_DATASETS/flipkart
"""

import json
from pathlib import Path

import numpy as np
from recipe import compared, encode, read_table, rows_by_id, run_recipe, write_items

from dlchkit.errors import DataError

ROWS = Path(__file__).with_name("flipkart_rows.csv")  # our rows in their order: uniq_id, dup_group
TABLES = ["flipkart_com-ecommerce_sample_1050.csv", "flipkart_com-ecommerce_sample.csv"]
PICTURES = ["Images", "images", "."]
TEXT_LENGTH = 1500  # characters


def prepare(original: Path, folder: Path, options) -> None:
    """Write items.csv and image_features.npy."""
    ours = read_table(ROWS, ["uniq_id", "dup_group"])
    ids = [our["uniq_id"] for our in ours]
    table = found(original, TABLES)
    products = read_table(table, ["uniq_id", "product_name", "product_category_tree", "description"])
    items = []
    for row, our in zip(rows_by_id(products, "uniq_id", ids, table), ours, strict=True):
        first, second = categories(row["product_category_tree"])
        items.append(
            {
                "uniq_id": row["uniq_id"],
                "text": text_of(row["product_name"], row["description"]),
                "product_name": row["product_name"],
                "cat1": first,
                "cat2": second,
                "dup_group": our["dup_group"],
            }
        )
    pictures = [found(original, [f"{place}/{name}.jpg" for place in PICTURES]) for name in ids]
    write_items(folder, items, encode(pictures, options))


def text_of(name: str, description: str) -> str:
    """The product's name and description, the first 1,500 characters."""
    return f"{name}. {description}"[:TEXT_LENGTH]


def categories(tree: str) -> tuple[str, str]:
    """The two topmost categories of a product.

    Examples
    --------
    >>> categories('["Watches >> Wrist Watches >> Camerii Wrist Watches"]')
    ('Watches', 'Wrist Watches')
    """
    try:
        first, second, *_ = (name.strip() for name in json.loads(tree)[0].split(" >> "))
    except (ValueError, IndexError, AttributeError):
        raise DataError(f"product_category_tree is {tree!r}; it names two categories or more, as A >> B") from None
    return first, second


def found(original: Path, names: list[str]) -> Path:
    """The first of several files that is there."""
    path = next((original / name for name in names if (original / name).is_file()), None)
    if path is None:
        raise DataError(f"{original} holds neither {' nor '.join(names)}")
    return path


def check(folder: Path) -> dict[str, str]:
    """Compare rows, texts and near-duplicates of a prepared folder with the rules."""
    columns = ["uniq_id", "text", "product_name", "cat1", "cat2", "dup_group"]
    items = read_table(folder / "items.csv", columns)
    ours = read_table(ROWS, ["uniq_id", "dup_group"])
    named = np.mean([item["text"].startswith(text_of(item["product_name"], "")) for item in items])
    longest = max(len(item["text"]) for item in items)
    return {
        **compared(items, ours, "uniq_id", np.load(folder / "image_features.npy")),
        "text": f"{named:.2%} of rows begin with the product's name, the longest has {longest:,} characters",
    }


def main() -> None:
    run_recipe(__doc__, prepare, check)


if __name__ == "__main__":
    main()
