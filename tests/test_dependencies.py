"""Everything that the package imports is declared in pyproject.toml, and it runs without its extras."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import dlchkit

PACKAGE = Path(dlchkit.__file__).parent
PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
MODULE_OF = {  # where a distribution and its module differ in name
    "faiss-cpu": "faiss",
    "ipython": "IPython",
    "lazy-loader": "lazy_loader",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
    "sentence-transformers": "sentence_transformers",
}
NEVER_IMPORTED = {"ipykernel", "tqdm"}  # the kernel of notebooks; pooch's and Dask's bars
FILES = sorted(PACKAGE.rglob("*.py"))


def modules_of(requirements):
    names = [re.match(r"[\w.-]+", requirement)[0].lower() for requirement in requirements]
    return {MODULE_OF.get(name, name) for name in names}


PROJECT = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
MAIN = modules_of(PROJECT["dependencies"])
EXTRAS = {extra: modules_of(requirements) for extra, requirements in PROJECT["optional-dependencies"].items()}


def imports_in(nodes):
    """Names of the modules from outside that import statements name."""
    for node in nodes:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        roots = {name.partition(".")[0] for name in names}
        yield from roots - set(sys.stdlib_module_names) - {"dlchkit"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_are_declared(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_once = set(imports_in(tree.body))
    assert at_once <= MAIN, "imported together with the file, so it must be a dependency and no extra"
    assert set(imports_in(ast.walk(tree))) <= MAIN.union(*EXTRAS.values())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id == "optional_module":
            name, extra = (argument.value for argument in call.args)
            assert name.partition(".")[0] in EXTRAS[extra], f"the extra {extra!r} does not bring {name}"


def test_every_dependency_is_imported():
    imported = set()
    for path in FILES:
        imported |= set(imports_in(ast.walk(ast.parse(path.read_text(encoding="utf-8")))))
    assert MAIN - imported <= NEVER_IMPORTED


def test_an_import_that_is_not_declared_would_be_seen():
    tree = ast.parse("import os, notdeclared.part\ndef f():\n    from elsewhere import x\nfrom . import y")
    assert set(imports_in(tree.body)) == {"notdeclared"}
    assert set(imports_in(ast.walk(tree))) == {"notdeclared", "elsewhere"}


WITHOUT_EXTRAS = """
import pkgutil, sys
for name in sys.argv[1].split(","):
    sys.modules[name] = None
import dlchkit
for module in pkgutil.walk_packages(dlchkit.__path__, "dlchkit."):
    if not module.name.endswith("__main__"):
        __import__(module.name)
print(len(dlchkit.load("scenes", n=40)))
"""


@pytest.mark.slow
def test_every_module_is_imported_without_the_extras(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCHKIT_DATA", str(tmp_path))
    extras = set().union(*EXTRAS.values()) - MAIN - {"dlchkit"}
    assert {"faiss", "h5py", "psutil", "ipywidgets", "nbval"} <= extras
    done = subprocess.run([sys.executable, "-c", WITHOUT_EXTRAS, ",".join(extras)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "40\n"), done.stderr
