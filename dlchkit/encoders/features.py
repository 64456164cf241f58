"""From pictures and texts to frozen features, through the cache."""

from pathlib import Path

import numpy as np

from dlchkit.data import PairedDataset, PairedFeatures, SourceDataset, SourceFeatures
from dlchkit.encoders.cache import Encoder, cached_features
from dlchkit.encoders.images import ImageEncoder
from dlchkit.encoders.pretrain import OnEpoch, pretrained_network, small_encoder
from dlchkit.encoders.texts import make_text_encoder
from dlchkit.errors import DataError


def make_image_encoder(
    name: str,
    data: PairedDataset,
    source: SourceDataset | None,
    *,
    weights: str | Path = "",
    size: int = 0,
    seed: int = 0,
    on_epoch: OnEpoch | None = None,
) -> ImageEncoder | None:
    """Make the image encoder that a parameter names; None where the data brings its own features.

    Parameters
    ----------
    name : str
        "features" (those that data and source bring), "small" (the network trained on the source), a torchvision
        classification model, or "auto": "features" where the data has them, else "small".
    data : PairedDataset
        Its pictures will be encoded.
    source : SourceDataset or None
        The pictures that "small" is trained on.
    weights : str or Path
        Local state file; "" takes torchvision's published weights, or trains "small".
    size : int
        Pixels per side for a torchvision model; 0 for those of its published weights.
    seed : int
        Fixes the training of "small".
    on_epoch : callable or None
        See `pretrain_small_network`.
    """
    if name == "auto":
        name = "features" if data.image_features is not None else "small"
    check_encoder_fits(name, data)
    if name == "features":
        return None
    if name == "small":
        if weights:
            return small_encoder(weights)
        if source is None:
            raise DataError("image encoder 'small' is trained on a source domain; name one, or give image_weights")
        path, _ = pretrained_network(source, seed=seed, on_epoch=on_epoch)
        return small_encoder(path)
    return ImageEncoder.from_torchvision(name, weights=weights or None, size=size)


def check_encoder_fits(name: str, data: PairedDataset) -> None:
    """Refuse an image encoder for pictures that the data does not have, and "features" that it does not bring."""
    if name == "features" and data.image_features is None:
        raise DataError(
            "image_encoder is 'features', but the data brings none; put image_features.npy beside items.csv, "
            "or name an encoder"
        )
    if name != "features" and data.images is None:
        raise DataError(f"image_encoder is {name!r}, but the data has no pictures; use 'features'")


def paired_features(
    data: PairedDataset,
    *,
    image_encoder: ImageEncoder | None,
    text_encoder: str | Encoder = "tfidf",
    seed: int = 0,
) -> PairedFeatures:
    """Compute frozen features of both modalities; a second call with the same content reads the cache.

    Parameters
    ----------
    data : PairedDataset
        Pairs of pictures (or their features) and texts (or theirs).
    image_encoder : ImageEncoder or None
        From `make_image_encoder`; None takes the features that the data brings.
    text_encoder : str or Encoder
        A name for `make_text_encoder`, or an object with ``fingerprint`` and ``encode``; data that brings text
        features keeps them.
    seed : int
        For text encoders that are trained.

    Notes
    -----
    A vocabulary ("tfidf", "bow", "trained") is learned from all texts given, as in both papers, without labels;
    the features of a text without any of its words are zeros.
    """
    image = _image_features(data, image_encoder, "the data brings no image features; name an image encoder")
    text = data.text_features
    if text is None:
        if data.texts is None:
            raise DataError("the data has no texts, so no encoder can be made for any; give a column of texts")
        if isinstance(text_encoder, str):
            text_encoder = make_text_encoder(text_encoder, data.texts, seed=seed)
        text = cached_features(text_encoder, data.texts)
    return PairedFeatures(
        ids=data.ids,
        image=np.asarray(image, dtype=np.float32),
        text=np.asarray(text, dtype=np.float32),
        labels=data.labels,
        class_names=data.class_names,
        groups=data.groups,
        split=data.split,
    )


def source_features(source: SourceDataset, *, image_encoder: ImageEncoder | None) -> SourceFeatures:
    """Compute frozen features of the source pictures, by the encoder of the target's pictures."""
    encoder = None if image_encoder is None else image_encoder.for_source()
    missing = "the target brings features but this source only pictures; both must come from one encoder"
    image = _image_features(source, encoder, missing)
    return SourceFeatures(
        image=np.asarray(image, dtype=np.float32), labels=source.labels, class_names=source.class_names
    )


def _image_features(data: PairedDataset | SourceDataset, encoder: ImageEncoder | None, missing: str) -> np.ndarray:
    """Take the features that the data brings, or encode its pictures."""
    if encoder is None:
        if data.image_features is None:
            raise DataError(missing)
        return data.image_features
    if data.images is None:
        raise DataError("the image encoder needs pictures, but these data hold features only")
    return cached_features(encoder, data.images)
