"""Words of any script are found: counted, searched, left out, masked, and said on pages."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_pages import Page, finish, made_up, plan
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from dlchkit.data import PairedFeatures
from dlchkit.data.catalog import load
from dlchkit.data.streams import class_incremental_stream
from dlchkit.data.words import WordFinder, masked, terms_of, without_word, words_of
from dlchkit.encoders import WordCountEncoder, make_text_encoder, typed_features
from dlchkit.encoders.prepared_data import open_data
from dlchkit.evaluation import compare
from dlchkit.lifelong import make_learners
from dlchkit.policy import moving_words
from dlchkit.reports.html_page import write_folder_report
from dlchkit.reports.markdown_page import write_page
from dlchkit.reports.read_runs import read_results
from dlchkit.runs.tour import plan_tour

SHOE = {  # script -> three texts; the second and the third have the word for "shoe", nothing else is shared by all
    "Chinese": ("红色衬衫很便宜", "黑色运动鞋很舒服", "冬天的运动鞋", "运动鞋"),
    "Japanese": ("赤いシャツです", "黒いスニーカーが安い", "冬のスニーカー", "スニーカー"),
    "Thai": (
        "เสื้อสีแดง",
        "ซื้อรองเท้าสีดำ",
        "หารองเท้ากันหนาว",
        "รองเท้า",
    ),
    "Lao": (
        "ເສື້ອສີແດງ",
        "ຊື້ເກີບສີດຳ",
        "ຫາເກີບກັນໜາວ",
        "ເກີບ",
    ),
    "Khmer": (
        "អាវក្រហម",
        "ទិញស្បែកជើងខ្មៅ",
        "រកស្បែកជើងរដូវរងា",
        "ស្បែកជើង",
    ),
    "Burmese": (
        "အင်္ကျီအနီ",
        "ဝယ်ဖိနပ်အနက်",
        "ရှာဖိနပ်ဆောင်း",
        "ဖိနပ်",
    ),
    "Tibetan": (
        "དམར་པོ་",
        "ནག་པོའི་ལྷམ་",
        "དགུན་ཁའི་ལྷམ་",
        "ལྷམ",
    ),
    "Hindi": (
        "लाल कमीज़",
        "काले जूते सस्ते",
        "सर्दी के जूते",
        "जूते",
    ),
    "Tamil": (
        "சிவப்பு சட்டை",
        "கருப்பு காலணி மலிவு",
        "குளிர்கால காலணி",
        "காலணி",
    ),
    "Arabic": ("قَمِيصٌ أَحْمَر", "حِذَاءٌ أَسْوَد", "شتاء حذاء", "حذاء"),
    "Persian": ("پیراهن قرمز", "کفش\u200cها سیاه", "زمستان کفشها", "کفشها"),
    "Hebrew": ("חֻלְצָה אדומה", "נַעַל שחורה", "נעל חורף", "נעל"),
    "Korean": ("빨간 셔츠", "검은 신 할인", "겨울 신", "신"),
    "Greek": (
        "κόκκινο πουκάμισο",
        "ΜΑΎΡΟΣ ΔΡΌΜΟΣ",
        "δρόμος του χειμώνα",
        "δρόμος",
    ),
    "German": ("ein rotes Hemd", "DIE WEISSE STRASSE", "eine Straße im Winter", "Straße"),
    "Vietnamese": ("áo sơ mi đỏ", unicodedata.normalize("NFD", "giày đen"), "giày mùa đông", "giày"),
    "English": ("a red shirt", "the black Shoe", "a shoe, for winter", "SHOE"),
    "mixed": ("红色Nike衬衫", "黑色ADIDAS鞋", "冬天买adidas鞋子", "Adidas"),
    "full width": ("红色衬衫", "黑色ＡＢＣ鞋", "冬天买abc鞋", "abc"),
    "half width": ("赤いシャツ", "黒いｶﾞﾝﾀﾞﾑ", "冬のガンダム", "ガンダム"),
}
by_script = pytest.mark.parametrize("texts", SHOE.values(), ids=SHOE)
SPACED = ["Hindi", "Tamil", "Arabic", "Hebrew", "Korean", "Vietnamese", "English"]


@by_script
@pytest.mark.parametrize("kind", ["tfidf", "bow"])
def test_a_typed_word_finds_the_texts_that_hold_it(texts, kind):
    *stored, word = texts
    encoder = WordCountEncoder(np.array(stored), kind=kind)
    typed = typed_features(encoder, word)[0]
    overlap = encoder.encode(np.array(stored)) @ typed
    assert min(overlap[1:]) > overlap[0]


@by_script
def test_texts_share_terms_with_texts_of_the_same_word(texts):
    _, one, other, word = texts
    assert set(terms_of(word)) <= set(terms_of(one)) & set(terms_of(other))


@by_script
def test_a_masked_word_is_in_no_text(texts):
    *stored, word = texts
    hidden = set(terms_of(word)[: len(words_of(word))])
    for text in stored:
        assert hidden.isdisjoint(terms_of(masked(text, [word])))
    assert terms_of(masked(stored[0], [word])) == terms_of(stored[0])


@by_script
def test_each_word_of_a_query_can_be_left_out_alone(texts):
    found = moving_words(texts[1], lambda queries: np.array([[1 if terms_of(query) else -1] * 8 for query in queries]))
    assert {move.word for move in found} == set(words_of(texts[1]))
    for move in found:
        rest = without_word(texts[1], move.word)
        assert terms_of(move.word)[0] not in terms_of(rest) and set(terms_of(rest)) < set(terms_of(texts[1]))


@pytest.mark.parametrize("script", ["Hindi", "Tamil", "Arabic", "Hebrew", "Korean", "Vietnamese", "German", "English"])
def test_a_word_is_as_long_as_it_is_written(script):
    for text in SHOE[script]:
        assert words_of(text) == unicodedata.normalize("NFC", text.lower()).replace(",", "").split()


def test_marks_of_symbols_and_invisible_characters_make_no_word():
    assert words_of("Nike™ ❤️ 1️⃣ soft\u00adhyphen zero\u200bwidth \u202eabc\u202c 葛\U000e0100") == [
        *("nike", "1", "softhyphen", "zero", "width", "abc", "葛")
    ]


def test_masking_keeps_the_case_and_the_hyphens_of_other_words():
    assert masked("Reid & Taylor Men's V-Neck T-shirts, T90", ["shirts", "t"]) == "Reid Taylor Men's V-Neck"
    assert masked("红色运动鞋", []) == "红色运动鞋"


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=20), st.text(max_size=20))
def test_texts_side_by_side_have_the_terms_of_both(one, other):
    assert terms_of(f"{one} . {other}") == terms_of(one) + terms_of(other)


# --- English stays as it was; one-letter words count where they matter ---


@pytest.mark.parametrize("kind", ["tfidf", "bow"])
def test_english_features_are_those_of_scikit_learn(kind):
    texts = load("scenes", n=60).texts
    plain = TfidfVectorizer(sublinear_tf=True) if kind == "tfidf" else CountVectorizer(binary=True)
    encoder = WordCountEncoder(texts, kind=kind)
    assert np.array_equal(encoder.encode(texts), plain.fit_transform(texts).toarray().astype(np.float32))
    assert str(encoder.words) == "runs of two or more letters and digits"


@pytest.mark.parametrize(
    "texts, counted",
    [
        (["a red car", "the red car I saw", "it's a car"], False),
        (["x y z", "y z x", "x x y"], True),
        (["1 2 3", "4 5 6"], True),
        (["a red car", "x"], True),
        (["shoe size 5", "shoe size 6", "shoe size 7"], True),
        (["vitamin A", "vitamin C", "vitamin D"], True),
        (["", "-", "_ red", "red car"], False),
    ],
)
def test_one_letter_words_count_where_texts_cannot_do_without(texts, counted):
    found = WordFinder.of(texts)
    assert found.one_letter == counted
    assert any(len(term) == 1 for text in texts for term in found(text)) == counted
    assert ("two or more" in str(found)) != counted


def test_one_character_words_of_other_scripts_always_count():
    for texts in (["책 상자", "책 가방"], ["猫です", "猫が好き"], ["व नल", "व जल"]):
        found = WordFinder.of(texts)
        assert len(set.intersection(*(set(found(text)) for text in texts))) == 1


# --- texts without spaces between words are as good as the same with spaces ---


def captions(characters, longest, n=300, n_classes=6):
    """Six made-up words for each caption, one of them a word of its class; and the classes."""
    random = np.random.default_rng(0)
    words = set()
    while len(words) < 60:
        words.add("".join(random.choice(characters, random.integers(1, longest + 1))))
    words = random.permutation(sorted(words))
    classes = np.arange(n) % n_classes
    own = [words[2 * c : 2 * c + 2] for c in classes]
    chosen = [[random.choice(its), *random.choice(words[2 * n_classes :], 5, replace=False)] for its in own]
    return [list(map(str, random.permutation(six))) for six in chosen], classes


def text_to_image(texts, classes, kind):
    """The mean score of texts that ask for pictures, after three stages."""
    random = np.random.default_rng(1)
    labels = np.eye(classes.max() + 1, dtype=bool)[classes]
    image = labels @ random.normal(size=(labels.shape[1], 12)) + 0.3 * random.normal(size=(len(texts), 12))
    ids = np.array([f"item{i:03d}" for i in range(len(texts))])
    data = PairedFeatures(
        ids=ids,
        labels=labels,
        class_names=tuple("abcdef"),
        groups=ids,
        image=image.astype(np.float32),
        text=make_text_encoder(kind, np.array(texts)).encode(np.array(texts)),
    )
    stream = class_incremental_stream(data, classes_per_stage=[2, 2, 2])
    return np.mean(compare(make_learners(["exact"], 32), stream)["exact"].R["text_to_image"][-1])


@pytest.mark.parametrize("kind", ["tfidf", "bow"])
def test_chinese_together_scores_as_chinese_with_spaces(kind):
    characters = "红蓝绿黄黑白大小圆方长短鞋帽包衣裤裙车船花"
    characters += "树鸟鱼猫狗山水日月星云雨雪春夏秋冬木石"
    words, classes = captions(list(characters), 3)
    together, apart = (text_to_image([by.join(six) for six in words], classes, kind) for by in ("", " "))
    assert apart > 0.9 and together > apart - 0.03


@pytest.mark.slow
def test_a_trained_encoder_reads_chinese_and_reads_it_again_when_loaded(tmp_path, refused):
    texts = np.array(SHOE["Chinese"][:3] * 4)
    encoder = make_text_encoder("trained", texts)
    encoder.model.save_pretrained(str(tmp_path / "model"))
    again = make_text_encoder(str(tmp_path / "model"), texts)
    np.testing.assert_allclose(again.encode(texts), encoder.encode(texts), atol=1e-6)
    nothing, shoe, known = encoder.encode(np.array(["qwertz", "鞋", texts[1]]))
    assert not nothing.any() and shoe.any() and not np.allclose(shoe, known)
    for one in (encoder, again):
        with refused("knows no word of 'qwertz'"):
            typed_features(one, "qwertz")


def test_a_typed_word_that_no_text_holds_is_refused_in_any_script(refused):
    encoder = WordCountEncoder(np.array([text for texts in SHOE.values() for text in texts[:3]]))
    for word in ("qwertz", "未知", "ဌဠ", "अज्ञात"):
        with refused("knows no word of", "type words that occur"):
            typed_features(encoder, word)


# --- what was decided is said ---


def test_the_decision_is_said_and_belongs_to_the_fingerprint(monkeypatch):
    texts = np.array(SHOE["Japanese"][:3])
    before = WordCountEncoder(texts)
    assert str(before.words).startswith(
        "characters and character pairs (Han, Hiragana, Katakana), runs of two or more letters"
    )
    monkeypatch.setattr("dlchkit.encoders.texts.VERSION", 0)
    assert WordCountEncoder(texts).fingerprint != before.fingerprint


def test_texts_that_share_nothing_are_warned_of():
    found = WordFinder.of(["red car", "red tree", "blue boat", "green bird", "white cloud"])
    assert (found.n_alone, found.n_texts) == (3, 5)
    assert found.warning.startswith("3 of 5 texts share no word with another text") and "\n" not in found.warning
    assert WordFinder.of(["red car", "red tree", "blue boat"]).warning == ""
    assert WordFinder.of(["", "?", "red car"]).n_alone == 3


def write_folder(folder, texts):
    """A folder of one's own with features, whose texts are these."""
    rows = "\n".join(f"{text},{'ab'[row % 2]}" for row, text in enumerate(texts))
    (folder / "items.csv").write_text(f"text,label\n{rows}\n", encoding="utf-8")
    np.save(folder / "image_features.npy", np.eye(len(texts), dtype=np.float32))
    return folder


def test_the_record_of_a_run_says_how_words_were_found(tmp_path):
    folder = write_folder(tmp_path, SHOE["Japanese"][:3] * 4)
    prepared = open_data(folder)
    assert prepared.record["words"] == str(prepared.words) and "Hiragana" in str(prepared.words)
    assert f"texts by 'tfidf' (words: {prepared.words})" in str(prepared) and prepared.record["warnings"] == []
    assert open_data(folder, text_encoder="trained").words.one_letter
    assert open_data(folder, text_encoder="some/model").record["words"] == ""
    np.save(tmp_path / "text_features.npy", np.eye(12, dtype=np.float32))
    assert open_data(folder).words is None


def test_a_warning_stands_in_the_record_and_on_every_page(tmp_path):
    prepared = open_data(write_folder(tmp_path, [f"word{row}" for row in range(12)]))
    (warning,) = prepared.record["warnings"]
    assert warning.startswith("12 of 12 texts share no word") and f"\nwarning: {warning}" in str(prepared)
    assert plan_tour(str(tmp_path), tmp_path / "out", settings={}).warnings == (warning,)
    runs = plan(tmp_path)
    for point, run in runs.items():
        record = made_up(*point)
        record.data = prepared.record
        finish(run, record)
    page = Page(write_folder_report(tmp_path / "runs"))
    assert page.words.count(f"Warning: {warning}.") == 1 and "Its warning comes first." in page.words
    assert f"words of texts {prepared.words}" in page.words and "words=" not in page.words
    written = write_page(read_results([tmp_path / "runs"]), tmp_path / "page.md", command="x").read_text(
        encoding="utf-8"
    )
    assert written.count(f"**Warning:** {warning}.") == 1 and f"- words of texts: {prepared.words}" in written
