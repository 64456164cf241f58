"""The code bank: what is stored stays, and a digest proves it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlchkit.bank import CodeBank
from dlchkit.errors import DataError


def rows(*ids, seed=0, n_bits=16):
    """Arguments of `append`: random codes and labels for these ids."""
    random = np.random.default_rng(seed)
    codes = random.choice(np.array([-1, 1], np.int8), size=(len(ids), n_bits))
    return {"codes": codes, "labels": random.random((len(ids), 3)) < 0.5, "ids": np.array(ids)}


@pytest.fixture
def bank():
    bank = CodeBank(16)
    bank.append(**rows("a", "b", "c"), stage=0)
    return bank


def test_it_gives_back_what_was_appended_in_order(bank):
    first, second = rows("a", "b", "c"), rows("d", "longer name", seed=1)
    bank.append(**second, stage=1)
    for name in ("codes", "labels", "ids"):
        assert np.array_equal(getattr(bank, name), np.concatenate([first[name], second[name]]))
    assert bank.codes.dtype == np.int8 and bank.labels.dtype == bool
    assert bank.stages.tolist() == [0, 0, 0, 1, 1]
    assert (len(bank), bank.n_stages) == (5, 2)


def test_appending_leaves_the_digests_of_earlier_stages(bank):
    before = bank.digests()
    bank.append(**rows("d", seed=1), stage=1)
    bank.append(**rows("e", seed=2), stage=2)
    assert bank.digests()[:1] == before
    assert len(set(bank.digests())) == 3


@pytest.mark.parametrize("name", ["codes", "labels", "ids"])
def test_the_digest_shows_a_change_of_any_single_value(bank, name):
    for row in range(3):
        other = rows("a", "b", "c")
        if name == "ids":
            other["ids"][row] = "x"
        else:
            other[name][row, 1] = -other[name][row, 1] if name == "codes" else ~other[name][row, 1]
        changed = CodeBank(16)
        changed.append(**other, stage=0)
        assert changed.digest(0) != bank.digest(0)


def test_no_array_outside_leads_into_the_store():
    given, bank = rows("a", "b"), CodeBank(16)
    bank.append(**given, stage=0)
    before = bank.digest(0)
    given["codes"][:] = 1
    given["labels"][:] = True
    given["ids"][:] = "x"
    bank.codes[:] = 1
    for copy in (bank.labels, bank.ids):
        copy[:] = copy[0]
    assert bank.digest(0) == before
    for store in (bank._packed, bank._labels, bank._ids):
        with pytest.raises(ValueError, match="read-only"):
            store[0][0] = store[0][0]


def refused_and_unchanged(bank, refused, *parts, stage=1, **arguments):
    before = bank.digests()
    with refused(*parts):
        bank.append(**arguments, stage=stage)
    assert bank.digests() == before and len(bank) == 3


def test_an_id_is_stored_once(bank, refused):
    refused_and_unchanged(bank, refused, "'b'", "twice", **rows("d", "b"))
    refused_and_unchanged(bank, refused, "'d'", "twice", **rows("d", "e", "d"))


def test_a_refused_batch_leaves_none_of_its_ids(bank, refused):
    refused_and_unchanged(bank, refused, "'b'", "twice", **rows("d", "e", "b"))
    refused_and_unchanged(bank, refused, "value 0", **{**rows("d"), "codes": np.zeros((1, 16), np.int8)})
    bank.append(**rows("d", "e"), stage=1)
    assert bank.ids.tolist() == ["a", "b", "c", "d", "e"]


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=4), max_size=6))
def test_ids_are_refused_exactly_where_all_ids_so_far_would_repeat(batches):
    bank, stored = CodeBank(16), []
    for batch in batches:
        together = [*stored, *batch]
        if len(set(together)) == len(together):
            bank.append(**rows(*batch), stage=bank.n_stages)
            stored = together
        else:
            with pytest.raises(DataError, match="twice"):
                bank.append(**rows(*batch), stage=bank.n_stages)
        assert bank.ids.tolist() == stored


def test_a_copy_grows_alone(bank, refused):
    before, other = bank.digests(), bank.copy()
    other.append(**rows("d", seed=1), stage=1)
    assert bank.digests() == before == other.digests()[:1] and len(other) == 4
    bank.append(**rows("d", seed=2), stage=1)
    with refused("'a'", "twice"):
        other.append(**rows("a"), stage=2)


def test_an_append_does_not_walk_through_what_is_stored(bank, monkeypatch):
    monkeypatch.setattr(CodeBank, "ids", property(lambda self: pytest.fail("all ids were put together")))
    bank.append(**rows("d", seed=1), stage=1)
    assert len(bank) == 4


@pytest.mark.parametrize("stage", [0, 2, -1])
def test_stages_come_in_order(bank, refused, stage):
    refused_and_unchanged(bank, refused, f"stage {stage}", "holds 1 stage", **rows("d"), stage=stage)


def test_widths_and_lengths_must_fit(bank, refused):
    new = rows("d", "e")
    refused_and_unchanged(bank, refused, "(2, 8)", "16 bits", **rows("d", "e", n_bits=8))
    refused_and_unchanged(bank, refused, "(1, 3)", **{**new, "labels": new["labels"][:1]})
    refused_and_unchanged(bank, refused, "(2, 2)", "3 classes", **{**new, "labels": new["labels"][:, :2]})
    refused_and_unchanged(bank, refused, "value 0", **{**new, "codes": new["codes"] * 0})
    refused_and_unchanged(bank, refused, "labels: the matrix holds 2", **{**new, "labels": new["labels"] * 2})


@pytest.mark.parametrize("n_bits", [1, 12, 48])
def test_codes_of_any_length_come_back(n_bits):
    bank = CodeBank(n_bits)
    new = rows("a", "b", n_bits=n_bits)
    bank.append(**new, stage=0)
    assert np.array_equal(bank.codes, new["codes"]) and CodeBank(n_bits).codes.shape == (0, n_bits)


def test_an_empty_bank_is_empty():
    bank = CodeBank(16)
    assert (len(bank), bank.n_stages, bank.digests(), bank.ids.tolist()) == (0, 0, [], [])
    assert bank.codes.shape == (0, 16)
