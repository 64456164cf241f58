"""From data as people see it to frozen features, through the cache."""

from pathlib import Path

import numpy as np

from dlchkit.data import PairedDataset, PairedFeatures, SourceDataset, SourceFeatures
from dlchkit.encoders.cache import cached_features
from dlchkit.encoders.images import ImageEncoder
from dlchkit.encoders.pretrain import pretrained_network, small_encoder
from dlchkit.encoders.texts import make_text_encoder
from dlchkit.errors import DataError


def make_image_encoder(
    name: str,
    data: PairedDataset,
    source: SourceDataset | None,
    *,
    weights: str | Path = "",
    size: int = 224,
    seed: int = 0,
    on_epoch=None,
) -> ImageEncoder | None:
    """The image encoder a parameter names; None where the data brings its own features.

    Parameters
    ----------
    name : "features" (those that data and source bring), "small" (the network trained on
        the source), a torchvision classification model, or "auto": "features" where the
        data has them, else "small"
    weights : local state file; "" takes torchvision's published weights, or trains "small"
    size : pixels per side for a torchvision model
    """
    if name == "auto":
        name = "features" if data.image_features is not None else "small"
    if name == "features":
        if data.image_features is None:
            raise DataError("image_encoder is 'features', but the data brings none; put image_features.npy beside items.csv, or name an encoder")
        return None
    if data.images is None:
        raise DataError(f"image_encoder is {name!r}, but the data has no pictures; use 'features'")
    if name == "small":
        if source is None and not weights:
            raise DataError("image encoder 'small' is trained on a source domain; name one, or give image_weights")
        return small_encoder(weights or pretrained_network(source, seed=seed, on_epoch=on_epoch)[0])
    return ImageEncoder.from_torchvision(name, weights=weights or None, size=size)


def paired_features(data: PairedDataset, *, image_encoder: ImageEncoder | None, text_encoder="tfidf", seed: int = 0) -> PairedFeatures:
    """Frozen features of both modalities; a second call with the same content reads the cache.

    Parameters
    ----------
    image_encoder : from `make_image_encoder`; None takes the features the data brings
    text_encoder : a name for `make_text_encoder`, or an object with ``fingerprint`` and
        ``encode``; data that brings text features keeps them

    Notes
    -----
    A vocabulary ("tfidf", "bow", "trained") is learned from all texts given, as in both
    papers, without labels; a text of which it knows no word is all zeros.
    """
    image = data.image_features if image_encoder is None else cached_features(image_encoder, data.images)
    text = data.text_features
    if text is None:
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
    """Frozen features of the source pictures, by the encoder of the target's pictures."""
    if image_encoder is None and source.image_features is None:
        raise DataError("the target brings features but this source only pictures; both must come from one encoder")
    image = source.image_features if image_encoder is None else cached_features(image_encoder.for_source(), source.images)
    return SourceFeatures(image=np.asarray(image, dtype=np.float32), labels=source.labels, class_names=source.class_names)
