"""Rows of a CSV file: those of Python's csv module where the file is sound, and one row lost where it is not."""

import csv
import io
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlchkit.data.loaders.csv_rows import csv_rows
from dlchkit.data.loaders.items_csv import load_items

CELLS = st.text(st.sampled_from('a b",\n\r|é\u0085\u2028'), max_size=6)
TABLES = st.integers(2, 4).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), max_size=8))


@settings(deadline=None, max_examples=200)
@given(TABLES, st.sampled_from(["\n", "\r\n", "\r"]))
def test_a_sound_file_reads_as_pythons_csv_module_reads_it(rows, line_end):
    file = io.StringIO()
    csv.writer(file, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(rows)
    found = list(csv_rows(file.getvalue()))
    assert [row.cells for row in found] == rows
    assert not any(row.problem for row in found)


@settings(deadline=None, max_examples=300)
@given(st.text(st.sampled_from('ab",\n'), max_size=40))
def test_any_text_is_read_to_its_end_and_in_order(text):
    rows = list(csv_rows(text))
    lines = [row.line for row in rows]
    assert lines == sorted(set(lines))
    assert len(rows) <= len(text.splitlines())


def test_line_numbers_are_those_on_which_rows_begin():
    rows = list(csv_rows('a,b\n\nc,"d\r\ne"\r\nf,g'))
    assert [(row.line, row.cells) for row in rows] == [(1, ["a", "b"]), (3, ["c", "d\r\ne"]), (5, ["f", "g"])]


def test_a_row_of_several_lines_with_another_number_of_cells_is_cut_off_at_its_quote():
    rows = list(csv_rows('a,b\nc,"d\ne",f\ng,h\n'))
    assert [(row.line, bool(row.problem)) for row in rows] == [(1, False), (2, True), (3, False), (4, False)]


# --- a folder of 160 rows, as shops export them ---

ROWS = 160
HAT = 99  # position of the row on line 101


@pytest.fixture
def titles():
    return [f"Blue {'hat' if i % 2 else 'bag'} no. {i}" for i in range(ROWS)]


@pytest.fixture
def shop(tmp_path):
    """Writes items.csv as text, cells as they are, beside features instead of pictures."""
    np.save(tmp_path / "image_features.npy", np.random.default_rng(0).normal(size=(ROWS, 4)))

    def write(titles, header):
        cells = [{"id": str(i), "text": title, "label": ("bag", "hat")[i % 2]} for i, title in enumerate(titles)]
        rows = [",".join(row[name] for name in header.split(",")) for row in cells]
        (tmp_path / "items.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return tmp_path

    return write


HEADERS = ["id,text,label", "label,id,text", "text,label,id"]
STRAY = {
    "never closed": {HAT: '"{}'},
    "two of them": {HAT: '"{}', HAT + 21: '"{}'},
    "closed in a later row": {HAT: '"{}', HAT + 21: '{}"'},
    "closed in the next row": {HAT: '"{}', HAT + 1: '{}"'},
    "closed inside the cell": {HAT: '"Blue" {}'},
}


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("stray", STRAY.values(), ids=STRAY)
def test_a_stray_quote_is_refused_where_it_opens_and_costs_its_own_row(shop, titles, refused, stray, header):
    for row, form in stray.items():
        titles[row] = form.format(titles[row])
    folder = shop(titles, header)
    column = header.split(",").index("text") + 1
    with refused("items.csv line 101: ", f"the quote that opens cell {column} does not close"):
        load_items(folder)
    data = load_items(folder, skip_bad_rows=True)
    damaged = [row for row in stray if titles[row].startswith('"')]
    assert len(data.left_out) == len(damaged)
    kept = [i for i in range(ROWS) if i not in damaged]
    assert data.ids.tolist() == [str(i) for i in kept]
    assert [data.class_names[c] for c in data.labels.argmax(1)] == ["hat" if i % 2 else "bag" for i in kept]


def test_a_stray_quote_in_the_label_is_refused_too(shop, titles, refused):
    folder = shop(titles, "id,text,label")
    lines = (folder / "items.csv").read_text().splitlines()
    lines[100] = lines[100].replace(",hat", ',"hat')
    lines[101] = lines[101].replace(",bag", ',bag"')
    (folder / "items.csv").write_text("\n".join(lines), encoding="utf-8")
    with refused("line 101: the quote that opens cell 3"):
        load_items(folder)


@pytest.mark.parametrize("header", HEADERS)
def test_texts_of_several_lines_are_no_rows(shop, titles, header):
    titles[7] = '"Blue hat, wool,\nred, blue, green\n\nwash cold"'
    titles[8] = '"one, two, three\nfour"'
    titles[9] = 'a 15" wide "hat"'  # quotes inside a cell that none opens
    data = load_items(shop(titles, header))
    assert len(data) == ROWS
    assert data.texts[7:10].tolist() == [titles[7][1:-1], titles[8][1:-1], titles[9]]


def test_a_comma_too_many_and_a_cell_too_long_cost_one_row_each(shop, titles, refused):
    titles[3] = "one, two"
    titles[5] = "x" * 200_000
    folder = shop(titles, "id,text,label")
    with refused("line 5: it has 4 cells, the header has 3", "(and 1 more rows)"):
        load_items(folder)
    data = load_items(folder, skip_bad_rows=True)
    assert len(data) == ROWS - 2
    assert [line.rsplit("items.csv ")[1][:24] for line in data.left_out] == [
        "line 5: it has 4 cells, ",
        "line 7: a cell holds 200",
    ]


def test_a_damaged_row_is_named_before_features_are_counted(shop, titles, refused):
    titles[HAT] = '"{}\none more line, or two'
    with refused("line 101: the quote that opens cell 2"):
        load_items(shop(titles, "id,text,label"))


def test_a_stray_quote_in_every_row_is_read_in_time(shop, titles):
    text = "id,text,label\n" + 'a,"b,c\n' * 50_000
    start = time.perf_counter()
    assert sum(bool(row.problem) for row in csv_rows(text)) == 50_000
    assert time.perf_counter() - start < 5
