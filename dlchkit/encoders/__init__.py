"""Frozen encoders of images and texts, the feature cache, and hash heads."""

from dlchkit.encoders.cache import cached_features
from dlchkit.encoders.features import make_image_encoder, paired_features, source_features
from dlchkit.encoders.heads import HashHead
from dlchkit.encoders.images import ImageEncoder
from dlchkit.encoders.pretrain import pretrain_small_network, pretrained_network, small_encoder
from dlchkit.encoders.texts import (
    SentenceEncoder,
    WordCountEncoder,
    make_text_encoder,
    train_sentence_encoder,
    typed_features,
)

__all__ = [
    "HashHead",
    "ImageEncoder",
    "SentenceEncoder",
    "WordCountEncoder",
    "cached_features",
    "make_image_encoder",
    "make_text_encoder",
    "paired_features",
    "pretrain_small_network",
    "pretrained_network",
    "small_encoder",
    "source_features",
    "train_sentence_encoder",
    "typed_features",
]
