"""Run records: written whole, read back the same, and anything else said in one line."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from dlchkit.metrics.summary import summarise
from dlchkit.records import FILE_NAME, SCHEMA, MethodRecord, RunRecord, peak_memory

nan = float("nan")
told = pytest.mark.skipif(math.isnan(peak_memory()), reason="this system does not say how much memory a process took")


@pytest.fixture
def record():
    R = {"image_to_text": [[0.9, nan], [0.5, 0.75]], "text_to_image": [[1.0, nan], [0.25, 0.5]]}
    return RunRecord(
        notebook="03_increments",
        parameters={"n_bits": 16, "methods": "dlch"},
        seed=3,
        methods={
            "dlch": MethodRecord(R=R, seconds=[1.5, 0.5], old_codes_unchanged=[True, True], kept_bytes=[800, nan])
        },
        metrics={"dlch": {"map_image_to_text": 0.625}},
        findings={"sizes": [3, 2], "shift": 0.5},
        figures=[{"file": "R.svg", "alt": "a grid", "caption": "R"}],
    )


def test_a_record_comes_back_as_it_went(record, tmp_path):
    path = record.save(tmp_path / "runs" / "first")
    assert path == tmp_path / "runs" / "first" / FILE_NAME
    back = RunRecord.load(path.parent)
    for name in ("notebook", "parameters", "seed", "metrics", "findings", "figures", "environment", "status"):
        assert getattr(back, name) == getattr(record, name), name
    ours, theirs = record.methods["dlch"], back.methods["dlch"]
    assert (theirs.seconds, theirs.old_codes_unchanged, theirs.database_codes) == (
        ours.seconds,
        ours.old_codes_unchanged,
        "learned",
    )
    for direction, R in ours.R.items():
        np.testing.assert_array_equal(theirs.R[direction], R)  # NaN where NaN was
    np.testing.assert_array_equal(theirs.kept_bytes, ours.kept_bytes)


def test_the_file_is_plain_json_with_null_above_the_diagonal(record, tmp_path):
    def no_constant(name):
        raise AssertionError(f"{name} is not JSON")

    content = json.loads(record.save(tmp_path).read_text(encoding="utf-8"), parse_constant=no_constant)
    assert content["schema"] == SCHEMA
    assert content["methods"]["dlch"]["R"]["image_to_text"] == [[0.9, None], [0.5, 0.75]]


def test_numpy_values_paths_and_infinities_become_plain(tmp_path):
    findings = {
        "array": np.arange(2),
        "number": np.float32(0.5),
        "flag": np.bool_(True),
        "path": tmp_path,
        "inf": np.inf,
        3: (np.int64(1), np.nan),
    }
    back = RunRecord("n", {}, findings=findings).save(tmp_path).parent
    expected = {"array": [0, 1], "number": 0.5, "flag": True, "path": str(tmp_path), "inf": None, "3": [1, None]}
    assert RunRecord.load(back).findings == expected


def test_what_cannot_be_written_leaves_the_old_record_and_no_part(record, tmp_path):
    before = record.save(tmp_path).read_bytes()
    record.findings["no JSON"] = object()
    with pytest.raises(TypeError):
        record.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_missing_record_is_refused(tmp_path, refused):
    with refused(str(tmp_path / FILE_NAME), "does not exist", "not complete"):
        RunRecord.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b'{"schema": 1, "noteb', b"\xff\xfe not text"])
def test_broken_json_is_refused(content, tmp_path, refused):
    (tmp_path / FILE_NAME).write_bytes(content)
    with refused(str(tmp_path / FILE_NAME), "not readable JSON", "run its notebook again"):
        RunRecord.load(tmp_path)


def rewritten(record, folder, **changes):
    path = record.save(folder)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("schema", [SCHEMA + 1, None, "1"])
def test_another_schema_is_refused(schema, record, tmp_path, refused):
    rewritten(record, tmp_path, schema=schema)
    with refused(FILE_NAME, f"schema {SCHEMA}", "another version"):
        RunRecord.load(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"colour": "red"},
        {"methods": {"dlch": {"R": {}}}},
        {"methods": {"dlch": 5}},
        {"methods": [1]},
        {"peak_memory_bytes": "5"},
        {"peak_memory_bytes": 10**400},
    ],
)
def test_unknown_and_missing_fields_are_refused(changes, record, tmp_path, refused):
    rewritten(record, tmp_path, **changes)
    with refused(FILE_NAME, "lacks or adds a field"):
        RunRecord.load(tmp_path)


@pytest.mark.parametrize("kept", [[1], [1, 2, 3], [[1, 2]], 5, None, ["many", "more"]])
def test_bytes_that_do_not_fit_the_stages_are_refused(kept, record, tmp_path, refused):
    (method,) = json.loads(record.save(tmp_path).read_text())["methods"].values()
    rewritten(record, tmp_path, methods={"dlch": method | {"kept_bytes": kept}})
    with refused(FILE_NAME, "lacks or adds a field"):
        RunRecord.load(tmp_path)


def test_a_record_from_before_memory_was_measured_is_read_and_stays_as_it_is(record, tmp_path):
    path = record.save(tmp_path)
    content = json.loads(path.read_text())
    del content["peak_memory_bytes"], content["methods"]["dlch"]["kept_bytes"]
    path.write_text(json.dumps(content))
    old = RunRecord.load(tmp_path)
    assert old.methods["dlch"].kept_bytes == [] and math.isnan(old.peak_memory_bytes)
    assert "kept_bytes" not in summarise(old.methods)["dlch"]
    old.save(tmp_path)
    assert json.loads(path.read_text())["peak_memory_bytes"] is None


@told
@pytest.mark.slow
def test_a_record_says_how_much_memory_its_process_took_when_it_was_saved(record, tmp_path):
    record.save(tmp_path)
    held = np.ones(peak_memory() // 8)
    record.save(tmp_path)
    back = RunRecord.load(tmp_path)
    assert record.peak_memory_bytes is None and held.nbytes < back.peak_memory_bytes <= peak_memory()
    back.save(tmp_path / "again")
    assert RunRecord.load(tmp_path / "again").peak_memory_bytes == back.peak_memory_bytes


@pytest.mark.slow
@told
def test_peak_memory_stays_when_memory_is_given_back_and_begins_anew_in_a_new_program():
    here = np.ones(30_000_000)  # 240 MB that a new program does not inherit
    program = (
        "import numpy as np; from dlchkit.records import peak_memory; "
        "a = peak_memory(); x = np.ones(10_000_000); del x; print(a, peak_memory())"
    )
    before, after = map(
        int, subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )
    assert 0 < before < here.nbytes < peak_memory() and before + 70e6 < after < before + 90e6


def test_a_list_is_no_record(tmp_path, refused):
    (tmp_path / FILE_NAME).write_text("[]")
    with refused(FILE_NAME, "not a record"):
        RunRecord.load(tmp_path)


def test_a_record_says_what_it_was_made_with(record):
    assert {"python", "versions", "cores", "device", "threads"} <= record.environment.keys()
    assert record.environment["versions"]["numpy"] == np.__version__


PARAMETERS = "n: int = 3\nrate: float = 0.5\nsizes: list = [1, 2]\nname: str = 'a'\non: bool = True\nother: object = 1"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"sizes": "[10, 6]"}, {"sizes": [10, 6]}),
        ({"n": "12", "rate": "1e-3"}, {"n": 12, "rate": 0.001}),
        ({"rate": 1, "name": 5, "on": "false"}, {"rate": 1.0, "name": "5", "on": False}),
        ({"other": "[1]"}, {"other": "[1]"}),
    ],
)
def test_values_of_another_type_are_read_as_the_parameters_cell_says(given, read):
    """As papermill hands them over: its own cell assigns them behind the parameters cell."""
    namespace = {}
    exec(PARAMETERS, namespace)
    namespace.update(given)
    record = RunRecord.begin("n", namespace)
    for name, value in read.items():
        assert record.parameters[name] == namespace[name] == value and type(namespace[name]) is type(value)


@pytest.mark.parametrize("given", [{"sizes": "10, 6"}, {"sizes": 3}, {"n": 1.5}, {"n": "many"}, {"on": "maybe"}])
def test_values_that_cannot_be_read_as_their_type_are_refused(given, refused):
    namespace = {}
    exec(PARAMETERS, namespace)
    with refused("n: parameter", f"{next(iter(given.values()))!r}", "it must be"):
        RunRecord.begin("n", {**namespace, **given})


def test_a_notebook_begins_its_record_with_its_parameters(tmp_path):
    namespace = {
        "n_bits": 16,
        "seed": 4,
        "out": str(tmp_path / "here"),
        "sizes": [1, 2],
        "_hidden": 1,
        "In": [""],
        "json": json,
        "R": np.eye(2),
    }
    record = RunRecord.begin("03_increments", namespace)
    assert (
        record.parameters == {"n_bits": 16, "seed": 4, "out": str(tmp_path / "here"), "sizes": [1, 2]}
        and record.seed == 4
    )
    assert str(record) == "03_increments: n_bits=16, seed=4, sizes=[1, 2]"
    assert record.save() == tmp_path / "here" / FILE_NAME


def test_a_record_without_a_folder_goes_to_the_data_home(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCHKIT_DATA", str(tmp_path))
    assert RunRecord.begin("00_tour", {"out": ""}).save() == tmp_path / "runs" / "00_tour" / FILE_NAME
