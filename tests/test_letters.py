"""Letters in figures: lines by width, fonts by script, nothing drawn as a box."""

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlchkit.data.catalog import load
from dlchkit.plotting import letters, show_pairs
from dlchkit.plotting.letters import LEFT_OUT, families_for, letters_beyond_base, width_of, wrapped
from dlchkit.plotting.style import new_figure, png, styled

LETTERS = "ab c 猫が、。木กำลังनमस्ते مرحبا é e\u0301 ﷽😀"
TEXTS = st.text(st.sampled_from(LETTERS), max_size=60)


@given(TEXTS, st.integers(8, 30), st.integers(1, 5))
def test_lines_fit_and_lose_nothing_but_what_the_dots_stand_for(text, width, n_lines):
    lines = wrapped(text, width, n_lines).split("\n")
    assert len(lines) <= n_lines and all(width_of(line) <= width for line in lines)
    plain = "".join(text.split())
    kept = "".join("".join(lines).removesuffix(f" {LEFT_OUT}").split())
    assert plain.startswith(kept) and (kept == plain or lines[-1].endswith(LEFT_OUT))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a tabby asleep under an oak", ["a tabby", "asleep under", "an oak"]),
        ("二匹の猫、木の下で眠る", ["二匹の猫、木", "の下で眠る"]),
        ("二匹の猫が木。下", ["二匹の猫が", "木。下"]),  # no line begins with a stop
        ("my 猫 Tama", ["my 猫 Tama"]),
        ("supercalifragilistic", ["supercalifra", "gilistic"]),
        ("", [""]),
    ],
)
def test_lines_end_at_spaces_and_between_wide_letters(text, lines):
    assert wrapped(text, 12, 9).split("\n") == lines


def test_marks_take_no_width_and_stay_with_their_letter():
    assert width_of("กำลัง") == width_of("กาลง") and width_of("हि") == width_of("ह") + 1
    assert wrapped("e\u0301" * 10, 8, 2).split("\n")[0] == "e\u0301" * 8


@styled
def one_line(text):
    figure, all_axes = new_figure(1.0)
    all_axes[0, 0].set_title(text)
    all_axes[0, 0].set_xticks([0, 1], [text, "x"])
    return figure


def written(figure):
    figure.draw_without_rendering()
    axes = figure.axes[0]
    return {axes.get_title(loc="left"), axes.get_xticklabels()[0].get_text()}


def test_letters_without_a_font_are_left_out_and_warn_nobody(monkeypatch):
    monkeypatch.setattr(letters, "families_for", lambda missing: ())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = one_line("my 𓃠 𓃡𓃢 tabby")
        png(figure)
    assert written(figure) == {"my …tabby"}
    assert "no font on this machine" in figure.get_supxlabel()


def test_latin_texts_are_drawn_once_in_the_base_font():
    assert letters_beyond_base(one_line("tabby, größer, ✓ μ")) == frozenset()


def test_fonts_are_chosen_by_the_letters_they_have(monkeypatch):
    fonts = {"DejaVu Sans": "ab", "A": "猫", "B": "猫犬", "C": "鳥"}
    fonts |= {"STIXGeneral": "猫犬鳥", "Last Resort": "猫犬鳥魚"}
    monkeypatch.setattr(letters, "_files", lambda: fonts)
    monkeypatch.setattr(letters, "_has", lambda family, letter: letter in fonts[family])
    families_for.cache_clear()
    assert families_for(frozenset("猫犬鳥魚")) == ("B", "C")
    families_for.cache_clear()


def test_japanese_pairs_are_drawn_without_a_warning():
    data = load("scenes", n=4)
    texts = ["夕方、二匹の黒い猫が大きな木の下で眠っている。とても静かだった"] * 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert png(show_pairs(type(data)(**{**vars(data), "texts": texts}), range(4)))
