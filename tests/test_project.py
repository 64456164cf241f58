"""What stands in the project's files: packages, version, and files that others' programs read."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import dlchkit

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_every_folder_of_code_is_packaged_and_no_other():
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "dlchkit").rglob("__init__.py")}
    code = {".".join(folder.parts) for folder in folders}
    packages = SETUPTOOLS["packages"]
    assert packages == sorted(set(packages))
    assert set(packages) == code | {"dlchkit.notebooks", "dlchkit.datasets"}


@pytest.mark.parametrize("folder", ["notebooks", "datasets"])
def test_a_wheel_carries_every_file_of_the_folder(folder):
    patterns = SETUPTOOLS["package-data"][f"dlchkit.{folder}"]
    carried = {path for pattern in patterns for path in (ROOT / folder).glob(pattern)}
    files = {path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert not {path.relative_to(ROOT).as_posix() for path in files - carried if not path.name.startswith(".")}
    assert not (ROOT / folder / "__init__.py").exists()


def test_the_version_stands_once():
    assert "version" not in PROJECT["project"]
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert SETUPTOOLS["dynamic"]["version"] == {"attr": "dlchkit.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.?(dev|a|b|rc)\d+)?", dlchkit.__version__)
    source = (ROOT / "dlchkit" / "__init__.py").read_text(encoding="utf-8")
    assert re.findall(r'^__version__ = "(.+)"$', source, flags=re.MULTILINE) == [dlchkit.__version__]  # read unexecuted
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert "version" not in citation
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## {dlchkit.__version__}:" in changes


def test_the_citation_names_the_kit_and_both_papers():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["authors"] == PROJECT["project"]["authors"]
    assert citation["license"] == PROJECT["project"]["license"]
    urls = [reference["url"] for reference in citation["references"]]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(urls) == 2
    assert all(url in readme for url in urls)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_jobs_of_steps_and_no_secret(path):
    text = path.read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    for job in jobs.values():
        assert all({"run", "uses"} & step.keys() for step in job["steps"])
    assert "secrets." not in text


def test_the_fast_tests_run_on_every_python_that_the_project_names():
    (workflow,) = [path for path in WORKFLOWS if path.name == "tests.yml"]
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
    named = [line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"] if ":: Python :: 3." in line]
    assert jobs["fast"]["strategy"]["matrix"]["python-version"] == named
    assert PROJECT["project"]["requires-python"] == f">={named[0]}"
    assert jobs["lowest-versions"]["steps"][1]["with"]["python-version"] == named[0]


@pytest.mark.parametrize("name", [".pre-commit-config.yaml", ".github/dependabot.yml"])
def test_other_project_files_are_mappings(name):
    assert isinstance(yaml.safe_load((ROOT / name).read_text(encoding="utf-8")), dict)


def test_notebooks_are_stripped_alike_by_hook_and_by_hand():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    (strip,) = [hook for repository in hooks for hook in repository["hooks"] if hook["id"] == "nbstripout"]
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert f"nbstripout {' '.join(strip['args'])} notebooks/*.ipynb" in contributing
