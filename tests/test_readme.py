"""The examples of the README run as they stand there."""

import re
from pathlib import Path

import pytest

from dlchkit.data.settings import read_settings
from dlchkit.runs.plan import in_order
from dlchkit.runs.sweep_file import plan_sweep

README = Path(__file__).parents[1] / "README.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.slow
def test_the_python_examples_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examples = "".join(blocks("python"))  # one after the other, as someone would type them
    smaller = examples.replace("n_pairs=400, n_source=300", "n_pairs=200, n_source=100")
    smaller = smaller.replace("epochs=10", "epochs=2")
    assert smaller != examples
    exec(compile(smaller, "README.md", "exec"), {})
    said = capsys.readouterr().out
    assert said.count("image_to_text") == 3 and said.count("Recoding(") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["hashing.safetensors"]


def test_the_two_commands_are_there_once():
    lines = "".join(blocks("sh")).splitlines()
    assert lines.count("python -m pip install -e . && dlchkit tour") == 1
    assert lines.count('python -m pip install -e ".[test]" && python -m pytest') == 1


def test_the_sweep_file_plans_twenty_runs(tmp_path):
    (sweep,) = (block for block in blocks("yaml") if "notebook:" in block)
    (tmp_path / "night.yaml").write_text(sweep.replace("my/folder", "scenes"))
    plan = plan_sweep(tmp_path / "night.yaml", tmp_path / "night")
    assert len(in_order((plan,))) == 20 and {run.cell_timeout for run in in_order((plan,))} == {3600}


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text(encoding="utf-8")))
def test_links_lead_somewhere(link):
    assert (README.parent / link).exists()


def test_stated_options_exist(capsys):
    from dlchkit.cli import main

    known = ""
    benchmarks = (["bench", kind] for kind in ("map", "search", "scale", "increment"))
    for command in ([], ["tour"], ["run"], ["sweep"], ["results"], ["report"], ["fit"], *benchmarks):
        with pytest.raises(SystemExit):
            main([*command, "--help"])
        known += capsys.readouterr().out
    ours = re.sub(r"`nbstripout.*?`", "", README.read_text(encoding="utf-8"))
    stated = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", ours))
    assert stated and all(option in known for option in stated)


def test_the_data_file_is_one(tmp_path):
    (content,) = (block for block in blocks("yaml") if "folder:" in block)
    (tmp_path / "mine.yaml").write_text(content)
    assert read_settings(tmp_path / "mine.yaml").image_encoder == "resnet18"
