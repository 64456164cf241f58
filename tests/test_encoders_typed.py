"""What a person types gets the features that a stored text with these words has, or is refused."""

import numpy as np
import pytest

from dlchkit.encoders import make_text_encoder, typed_features

TEXTS = np.array(["a red house by the sea", "the red car", "one green tree by the sea", "a green house"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tfidf", "bow", "trained"])
def test_typed_again_a_stored_text_has_its_features(name):
    encoder = make_text_encoder(name, TEXTS)
    for row, text in enumerate(TEXTS):
        features = typed_features(encoder, text)
        assert features.shape == (1, encoder.encode(TEXTS).shape[1]) and features.dtype == np.float32
        np.testing.assert_allclose(features[0], encoder.encode(TEXTS)[row], atol=1e-6)


def test_unknown_words_beside_known_ones_change_nothing():
    encoder = make_text_encoder("tfidf", TEXTS)
    np.testing.assert_array_equal(typed_features(encoder, "Red SEA"), typed_features(encoder, "a qwertz: red, sea!"))


@pytest.mark.parametrize("name", ["tfidf", "bow"])
def test_what_the_encoder_cannot_know_is_refused(name, refused):
    encoder = make_text_encoder(name, TEXTS)
    with refused("knows no word of 'qwertz'", "type words that occur"):
        typed_features(encoder, "qwertz")
    for nothing in ("", " -- "):
        with refused("holds no word", "type one or more"):
            typed_features(encoder, nothing)


def test_data_without_texts_gives_no_encoder(refused):
    with refused("has no texts", "column of texts"):
        make_text_encoder("tfidf", None)
