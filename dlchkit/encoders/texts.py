"""Frozen text encoders: bag of words, TF-IDF, or any sentence-transformers model."""

import logging
import re
from pathlib import Path

import numpy as np
import torch
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from dlchkit.encoders.cache import Encoder
from dlchkit.errors import DataError
from dlchkit.runtime import choose_device, seeded
from dlchkit.storage import digest

# short and long texts, capitals, digits, accents and other scripts: what tokenizers and limits of length differ in
PROBES = (
    "a",
    "Two RED shoes, size 42; très léger!",
    "红色的鞋 लाल जूते ボート",
    " ".join(f"thing {n} of many" for n in range(20)),
    " ".join(f"word {n}" for n in range(400)),
)


class WordCountEncoder:
    """Bag of words, the text input of both papers, or TF-IDF.

    Parameters
    ----------
    texts : array of str
        Where the vocabulary comes from; labels are never seen.
    kind : str
        "bow" (1 where a word occurs) or "tfidf" (sublinear, rows of length one).
    max_features : int
        The vocabulary holds at most this many words, the most frequent ones.
    """

    def __init__(self, texts: np.ndarray, *, kind: str = "tfidf", max_features: int = 2000):
        if kind not in ("bow", "tfidf"):
            raise DataError(f"kind is {kind!r}; word counts are 'bow' or 'tfidf'")
        if kind == "bow":
            self._vectorizer = CountVectorizer(max_features=max_features, binary=True)
        else:
            self._vectorizer = TfidfVectorizer(max_features=max_features, sublinear_tf=True)
        try:
            self._vectorizer.fit(texts)
        except ValueError:
            raise DataError("no text holds a word of two letters or more; choose another text column") from None
        words = self._vectorizer.get_feature_names_out().tolist()
        self.fingerprint = digest(kind, *words, np.asarray(getattr(self._vectorizer, "idf_", 0.0)).tobytes())

    def encode(self, texts: np.ndarray) -> np.ndarray:
        """Compute features float32 (n, vocabulary size) with values in [0, 1]."""
        return self._vectorizer.transform(texts).toarray().astype(np.float32)


class SentenceEncoder:
    """A frozen sentence-transformers model.

    Parameters
    ----------
    model : str or SentenceTransformer
        Name on the hub, path of a local folder, or the model itself.
    device : str
        See `dlchkit.runtime.choose_device`; "auto" leaves the choice to sentence-transformers.
    """

    def __init__(self, model, *, device: str = "auto"):
        from sentence_transformers import SentenceTransformer  # here, because it takes seconds to import

        if not isinstance(model, SentenceTransformer):
            name = str(model)
            try:
                model = SentenceTransformer(name, device=None if device == "auto" else str(choose_device(device)))
            except (OSError, ValueError) as error:
                reason = (str(error) or type(error).__name__).splitlines()[0][:120]
                raise DataError(
                    f"sentence-transformers model {name!r} could not be loaded ({reason}); "
                    "give the path of a local model, or text_encoder 'tfidf' or 'trained'"
                ) from None
        self.model = model.eval()

    @property
    def fingerprint(self) -> str:
        """Of weights, modules and settings as they are now, and of what they make of a few texts.

        The texts show what is stated nowhere else, such as prompts, tokenizers and number formats.
        """
        weights = (value.float().cpu().numpy().tobytes() for value in self.model.state_dict().values())
        settings = f"{self.model} {self.model.max_seq_length}"
        probe = self.encode(np.array(PROBES)).tobytes()
        return digest("sentence-transformers", settings, probe, *weights)

    def encode(self, texts: np.ndarray) -> np.ndarray:
        """Compute features float32 (n, d)."""
        features = self.model.encode(texts.tolist(), show_progress_bar=False, convert_to_numpy=True)
        return np.asarray(features, dtype=np.float32)


def train_sentence_encoder(
    texts: np.ndarray, *, dimensions: int = 128, epochs: int = 5, seed: int = 0
) -> SentenceEncoder:
    """Assemble a sentence-transformers model and train it on texts alone: no hub, no labels.

    Word embeddings, mean pooling and a dense layer learn to bring together two random halves of one text's words
    and to keep halves of different texts apart.

    Parameters
    ----------
    texts : array of str
        The texts; those of fewer than two words are not trained on.
    dimensions : int
        Length of the features.
    epochs : int
        Passes over the texts.
    seed : int
        Fixes initial weights, order and halves.

    Returns
    -------
    SentenceEncoder
        ``.model.save_pretrained(folder)`` stores it for `SentenceEncoder`.

    References
    ----------
    The objective is sentence-transformers' MultipleNegativesRankingLoss (InfoNCE).
    """
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
    random = np.random.default_rng(seed)
    with seeded(seed):
        model = _word_embedding_model(texts, dimensions)
        loss = MultipleNegativesRankingLoss(model)
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        long_enough = [words for words in map(_words, texts.tolist()) if len(words) > 1]
        if len(long_enough) < 2:
            raise DataError(
                f"{len(long_enough)} texts hold two words or more; a text encoder is trained on two such texts "
                "at least: use 'tfidf'"
            )
        model.train()
        n_batches = max(1, len(long_enough) // 128)
        for _ in range(epochs):
            for rows in np.array_split(random.permutation(len(long_enough)), n_batches):
                halves = [_halves(long_enough[row], random) for row in rows]
                features = [_inputs(model, side) for side in zip(*halves, strict=True)]
                optimizer.zero_grad()
                loss(features, None).backward()
                optimizer.step()
    return SentenceEncoder(model)


def _inputs(model, texts) -> dict:
    return {key: value.to(model.device) for key, value in model.preprocess(list(texts)).items()}


def _word_embedding_model(texts, dimensions):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense
    from sentence_transformers.sentence_transformer.modules import Pooling, WordEmbeddings
    from sentence_transformers.sentence_transformer.modules.tokenizer import WhitespaceTokenizer

    vocabulary = sorted({word for text in texts.tolist() for word in _words(text)})
    if not vocabulary:
        raise DataError("no text holds a word; choose another text column")
    tokenizer = WhitespaceTokenizer(vocabulary, stop_words=[], do_lower_case=True)
    words = WordEmbeddings(tokenizer, torch.randn(len(vocabulary), dimensions) * 0.1, update_embeddings=True)
    pooling = Pooling(dimensions, pooling_mode="mean")
    return SentenceTransformer(modules=[words, pooling, Dense(dimensions, dimensions)], device="cpu")


def _words(text):
    return re.findall(r"\w+", text.lower())


def _halves(words, random):
    order = random.permutation(len(words))
    return [" ".join(words[i] for i in part) for part in np.array_split(order, 2)]


def make_text_encoder(name: str, texts: np.ndarray | None, *, seed: int = 0) -> WordCountEncoder | SentenceEncoder:
    """Make the text encoder that a parameter names.

    Parameters
    ----------
    name : str
        "tfidf", "bow", "trained" (a sentence-transformers model trained on ``texts``), or the name or local path
        of a sentence-transformers model.
    texts : array of str
        The texts that vocabulary and training may see.
    seed : int
        For "trained".
    """
    if texts is None:
        raise DataError("the data has no texts, so no encoder can be made for any; give a column of texts")
    if name in ("tfidf", "bow"):
        return WordCountEncoder(texts, kind=name)
    if name == "trained":
        return train_sentence_encoder(texts, seed=seed)
    if Path(name).is_absolute() and not Path(name).is_dir():
        raise DataError(
            f"text encoder folder {name} does not exist; "
            "give a sentence-transformers model, 'tfidf', 'bow' or 'trained'"
        )
    return SentenceEncoder(name)


def typed_features(encoder: Encoder, text: str) -> np.ndarray:
    """Compute features of one typed text, by the frozen encoder that made those of the stored texts.

    Parameters
    ----------
    encoder : Encoder
        From `make_text_encoder`.
    text : str
        One word or more.

    Returns
    -------
    float32 array (1, d)

    Raises
    ------
    DataError
        The text holds no word, or none that the encoder has counted: its features would be zeros, and a hash
        function finds something for zeros too. Sentence-transformers models give every text features.

    Examples
    --------
    >>> encoder = WordCountEncoder(np.array(["red car", "green tree"]), kind="bow")
    >>> typed_features(encoder, "a RED tree")  # car, green, red, tree
    array([[0., 0., 1., 1.]], dtype=float32)
    """
    if not _words(text):
        raise DataError(f"the text {text!r} holds no word; type one or more")
    features = encoder.encode(np.array([text]))
    if not features.any():
        raise DataError(f"the text encoder knows no word of {text!r}; type words that occur in the data's texts")
    return features
