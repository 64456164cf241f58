"""The rooms of the package stand in one order, and imports go downward only."""

import ast
import importlib
from pathlib import Path
from types import ModuleType

import pytest

import dlchkit

PACKAGE = Path(__file__).parents[1] / "dlchkit"
ROOMS = [
    *("errors", "storage", "runtime", "codes", "data", "bank", "records", "metrics", "losses", "encoders"),
    *("transfer", "lifelong", "evaluation", "policy", "index", "plotting", "runs", "reports", "bench", "cli"),
]
LAYER_OF = {room: layer for layer, room in enumerate(ROOMS)}
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]
OUTSIDE = LAYER_OF["index"]  # from here on code may speak to people


def room_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_rooms(path, tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            here = ["dlchkit", *path.relative_to(PACKAGE).parent.parts]
            start = here[: len(here) - node.level + 1] if node.level else []
            modules = [".".join([*start, *filter(None, [node.module]), alias.name]) for alias in node.names]
        else:
            continue
        yield from (module.split(".")[1] for module in modules if module.startswith("dlchkit."))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_downward_only(path):
    assert room_of(path) in LAYER_OF, f"{room_of(path)} has no layer yet: give it one above"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    upward = [
        room for room in imported_rooms(path, tree) if LAYER_OF.get(room, 0) > LAYER_OF[room_of(path)]
    ]  # 0: a name of the top, no room
    assert not upward, f"{path.name} imports {upward[0]}, which stands above it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_library_is_quiet_and_leaves_global_state_alone(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    stars = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"]
    assert not stars, "import names, not *"
    if LAYER_OF[room_of(path)] < OUTSIDE:
        calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert not calls & {
            "print",
            "np.random.seed",
            "numpy.random.seed",
            "random.seed",
            "torch.manual_seed",
            "os.chdir",
        }


def test_the_layer_test_sees_every_kind_of_import():
    written = [
        "import dlchkit.cli",
        "from dlchkit import runs",
        "from dlchkit.data import Stage",
        "from .captions import WORDS",
        "from ..report import page",
    ]
    tree = ast.parse("\n".join(written))
    assert list(imported_rooms(PACKAGE / "scenes" / "pairs.py", tree)) == ["cli", "runs", "data", "scenes", "report"]


@pytest.mark.parametrize("name", dlchkit.__all__)
def test_every_public_name_is_documented_and_no_module(name):
    public = getattr(dlchkit, name)
    assert public.__doc__
    assert not isinstance(public, ModuleType)


@pytest.mark.parametrize(
    "package", sorted({path.parent for path in PACKAGE.rglob("__init__.py")}), ids=lambda path: path.name
)
def test_no_public_name_is_also_the_name_of_a_module_beside_it(package):
    """Where both exist, importing the module replaces the public object by the module."""
    dotted = ".".join(["dlchkit", *package.relative_to(PACKAGE).parts])
    public = set(getattr(importlib.import_module(dotted), "__all__", ()))
    modules = {path.stem for path in package.glob("*.py")} | {
        path.parent.name for path in package.glob("*/__init__.py")
    }
    assert not public & modules
