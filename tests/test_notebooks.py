"""Every notebook keeps the rules that make it teachable, checkable and safe to run in batches."""

import ast
import re

import nbformat
import pytest

from dlchkit.runs.notebook import read_parameters
from dlchkit.storage import resource_folder

NOTEBOOKS = sorted(resource_folder("notebooks").glob("*.ipynb"))
MACHINE = re.compile(r"(?<![\w.])/\w+/\w+|[A-Z]:\\|\d\.\d+ ?s\b")  # an absolute path or a time


def tags(cell):
    return cell.metadata.get("tags", [])


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return request.param, nbformat.read(request.param, as_version=4)


def test_there_are_the_six_of_the_tour():
    assert [path.stem[:2] for path in NOTEBOOKS][:6] == ["00", "01", "02", "03", "04", "05"]


def test_the_first_code_cell_holds_the_parameters(notebook):
    path, nb = notebook
    nbformat.validate(nb)
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    assert [i for i, cell in enumerate(code) if "parameters" in tags(cell)] == [0]
    assert {"seed", "out"} <= read_parameters(path).keys()


def test_checked_cells_have_something_to_compare(notebook):
    checked = [cell for cell in notebook[1].cells if "nbval-check-output" in tags(cell)]
    assert checked, "a notebook needs a checked cell"
    for cell in checked:
        assert "keep_output" in tags(cell) and cell.execution_count and cell.outputs, cell.source
        shown = "".join(output.get("text", "") for output in cell.outputs)
        assert not MACHINE.search(shown), f"a path or a time in: {shown}"


def test_other_cells_store_no_output(notebook):
    assert not [
        cell
        for cell in notebook[1].cells
        if cell.cell_type == "code" and "keep_output" not in tags(cell) and cell.outputs
    ]


def test_cells_were_run_in_order(notebook):
    counts = [cell.execution_count for cell in notebook[1].cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_code_cells_are_short_and_the_library_carries_the_weight(notebook):
    for cell in notebook[1].cells:
        if cell.cell_type == "code" and "parameters" not in tags(cell):
            lines = [line for line in cell.source.splitlines() if line.strip()]
            assert len(lines) <= 20, cell.source
            assert max(map(len, lines)) <= 100, cell.source  # wider lines scroll sideways in Jupyter
            assert not any(isinstance(node, ast.ClassDef) for node in ast.walk(ast.parse(cell.source))), cell.source


def test_it_tells_question_time_and_goals_and_ends_with_exercises(notebook):
    words = [cell.source for cell in notebook[1].cells if cell.cell_type == "markdown"]
    assert all(part in words[0] for part in ("# ", "**Question.**", "**Time.**", "**You will learn**"))
    assert any("redict first" in text for text in words) and "## What we saw" in "\n".join(words)
    assert words[-1].startswith("## Exercises")


def test_every_shown_figure_has_alt_text(notebook):
    calls = [
        node
        for cell in notebook[1].cells
        if cell.cell_type == "code"
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "show"
    ]
    assert all(any(keyword.arg == "alt" for keyword in call.keywords) for call in calls)
