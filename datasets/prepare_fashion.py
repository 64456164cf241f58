"""Prepare "fashion" from the Fashion Product Images of Kaggle (styles.csv and images/); see fashion.md.

    python datasets/prepare_fashion.py ORIGINAL $DLCHKIT_DATASETS/fashion
    python datasets/prepare_fashion.py --check $DLCHKIT_DATASETS/fashion
"""

import re
from pathlib import Path

import numpy as np
from PIL import Image
from recipe import compared, encode, read_table, rows_by_id, run_recipe, write_items

from dlchkit.data.picture_file import open_picture

ROWS = Path(__file__).with_name("fashion_rows.csv")  # our rows in their order: id, dup_group
LABELS = ["gender", "masterCategory", "subCategory", "articleType", "baseColour", "season", "year", "usage"]
SIDE = 128  # pixels of the pictures that are kept

# Words of the names of categories and types, singular and plural, and a few that say the same: none stays in a title.
TYPE_WORDS = """
and backpack backpacks bag bags belt belts body boxer bra brief briefs cap capri caps casual chain cufflink dress
dresses eyewear flat flats flip flips flop flops football formal free good handbag handbags hat heels innerwear
jacket jackets jean jeans kurta kurtas kurti kurtis laptop lounge muffler mufflers pant pants polo rucksack sandal
sandals set shirt shirts shoe shoes short shorts shrug socks sport sports sunglasses sweater sweaters sweatshirt
sweatshirts t tee tie ties top tops track travel trouser trousers trunk tshirt tshirts tunic umbrella vest vests
wallet wallets watches
"""


def masked(title: str) -> str:
    """Leave out of a title every word that has a type's word as a part.

    Examples
    --------
    >>> masked("Reid & Taylor Men Check Purple T-shirts")
    'Reid Taylor Men Check Purple'
    """
    words = re.findall(r"[A-Za-z0-9'-]+", title)
    types = set(TYPE_WORDS.split())
    return " ".join(word for word in words if types.isdisjoint(re.findall("[a-z]+", word.lower())))


def prepare(original: Path, folder: Path, options) -> None:
    """Write items.csv, images/ and image_features.npy."""
    ours = read_table(ROWS, ["id", "dup_group"])
    styles = read_table(original / "styles.csv", ["id", *LABELS, "productDisplayName"])
    rows = rows_by_id(styles, "id", [row["id"] for row in ours], original / "styles.csv")
    items = [
        {
            "id": row["id"],
            "image": f"images/{row['id']}.jpg",
            "text": row["productDisplayName"],
            "text_masked": masked(row["productDisplayName"]),
            **{name: "" if row[name] == "NA" else row[name] for name in LABELS},
            "dup_group": our["dup_group"],
        }
        for row, our in zip(rows, ours, strict=True)
    ]
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for item in items:
        keep_small(original / item["image"], folder / item["image"])
    write_items(folder, items, encode([folder / item["image"] for item in items], options))


def keep_small(picture: Path, target: Path) -> None:
    """Write a picture as a square of 128 pixels."""
    open_picture(picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(target, quality=90)


def check(folder: Path) -> dict[str, str]:
    """Compare rows, masked titles and near-duplicates of a prepared folder with the rules."""
    items = read_table(folder / "items.csv", ["id", "text", "text_masked", *LABELS, "dup_group"])
    ours = read_table(ROWS, ["id", "dup_group"])
    same_masked = np.mean([masked(item["text"]) == item["text_masked"] for item in items])
    return {
        **compared(items, ours, "id", np.load(folder / "image_features.npy")),
        "text_masked": f"{same_masked:.2%} of rows as the rule says",
    }


def main() -> None:
    run_recipe(__doc__, prepare, check)


if __name__ == "__main__":
    main()
