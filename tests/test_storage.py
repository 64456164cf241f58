"""Files are written whole or not at all; digests tell parts apart."""

import os
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlchkit.storage import atomic_path, data_home, digest


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_finished_block_leaves_the_new_file_alone(tmp_path):
    path = tmp_path / "new folder" / "result.json"
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent and temporary.suffix == ".json"
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert names_in(path.parent) == ["result.json"]


def test_an_error_keeps_the_old_file_and_leaves_no_part(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(path) as temporary:
        temporary.write_text("half of the n")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["result.json"]


def test_a_written_file_has_the_rights_of_any_other(tmp_path):
    plain, written = tmp_path / "plain", tmp_path / "written"
    plain.touch()
    with atomic_path(written):
        pass
    assert written.stat().st_mode == plain.stat().st_mode


def test_the_data_home_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("DLCHKIT_DATA", str(tmp_path))
    assert data_home() == tmp_path
    monkeypatch.delenv("DLCHKIT_DATA")
    assert data_home().name == "dlchkit"


parts = st.lists(st.text("ab", max_size=3) | st.binary(max_size=2), max_size=4)


@settings(deadline=None, max_examples=200)
@given(parts, parts)
def test_digests_are_equal_only_for_equal_parts(one, other):
    as_bytes = [[part.encode() if isinstance(part, str) else part for part in side] for side in (one, other)]
    assert (digest(*one) == digest(*other)) == (as_bytes[0] == as_bytes[1])


def test_a_digest_knows_where_a_part_ends():
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("abc", ""), digest("", "abc")}) == 5
    assert len(digest()) == 64


def test_what_a_kill_left_goes_after_a_day_and_nothing_else(tmp_path):
    path, now = tmp_path / "re[sult.json", time.time()
    names = ".re[sult-abcd_123.json", ".re[sult-young123.json", ".other-abcd_123.json", "re[sult-abcd_123.json"
    left = {name: tmp_path / name for name in names}
    for name, file in left.items():
        file.touch()
        if "young" not in name:
            os.utime(file, (now - 90_000, now - 90_000))
    with atomic_path(path):
        pass
    assert names_in(tmp_path) == sorted(["re[sult.json", *left.keys() - {".re[sult-abcd_123.json"}])
