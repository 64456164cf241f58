"""A data set by its settings, with the source domain, encoders and frozen features that belong to it."""

import json
import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from dlchkit.data import PairedDataset, PairedFeatures, SourceDataset, SourceFeatures, Stage
from dlchkit.data.catalog import load, load_source
from dlchkit.data.content import dataset_digest, model_digest
from dlchkit.data.named_streams import class_order, draw_items, note_of, tasks_of
from dlchkit.data.scenes import KINDS, class_names
from dlchkit.data.settings import DataSettings, read_settings
from dlchkit.data.streams import (
    ARRIVALS,
    check_seeds,
    check_stages,
    class_incremental_stream,
    split_rows,
    stage_sizes,
)
from dlchkit.data.words import WordFinder
from dlchkit.encoders.features import check_encoder_fits, make_image_encoder, paired_features, source_features
from dlchkit.encoders.images import ImageEncoder
from dlchkit.encoders.pretrain import small_encoder
from dlchkit.encoders.texts import words_by
from dlchkit.encoders.torchvision_networks import PublishedNetwork, published_network
from dlchkit.errors import DataError
from dlchkit.storage import digest


def open_data(
    data: str | Path = "scenes",
    *,
    seed: int = 0,
    on_epoch: Callable | None = None,
    **settings: object,
) -> "PreparedData":
    """Open a data set by its settings; everything is read, trained or encoded when it is first asked for.

    Parameters
    ----------
    data : str or Path
        "scenes", another name for which the kit has a data file, a data file (.yaml), or a folder
    seed : int
        fixes the weights of encoders that are trained here, and the order in which classes arrive
    on_epoch : callable or None
        called after each epoch of training the small image network
    **settings : object
        fields of `dlchkit.data.settings.DataSettings`, which win over those of the data file

    Raises
    ------
    DataError
        for an unknown setting, with the nearest name, or a value of the wrong type

    Examples
    --------
    >>> prepared = open_data("scenes", n_pairs=50)
    >>> len(prepared.pairs), prepared.encoder_name, prepared.source_name, prepared.classes_per_stage
    (50, 'small', 'scenes', [10, 3, 3])
    """
    return PreparedData(read_settings(data, **settings), seed=seed, on_epoch=on_epoch)


class PreparedData:
    """Pairs, source domain, encoders and features of one data set; see `open_data`.

    Attributes
    ----------
    settings : DataSettings
        as they were given; `record` has them with every default resolved
    """

    def __init__(self, settings: DataSettings, *, seed: int = 0, on_epoch: Callable | None = None):
        self.settings = settings
        self.seed = seed
        self._on_epoch = on_epoch

    def __repr__(self) -> str:
        trained = f", trained on {self.source_name}" if self.trains_encoder else ""
        found = "" if self.words is None else f" (words: {self.words})"
        return (
            f"{self.settings.name}: {len(self.pairs)} pairs of {self.n_classes} classes in stages of "
            f"{self.classes_per_stage}, {self.epochs} epochs; pictures by {self.encoder_name!r}{trained}, "
            f"texts by {self.settings.text_encoder!r}{found}; source: {self.source_name or 'none'}"
            + "".join(f"\nnote: {line}" for line in self.notes)
            + "".join(f"\nwarning: {line}" for line in self.warnings)
        )

    @cached_property
    def pairs(self) -> PairedDataset:
        """The image-text pairs."""
        settings = self.settings
        drawn = {"n": settings.n_pairs, "language": settings.language} if settings.folder == "scenes" else {}
        pairs = load(settings.folder, **settings.columns, **drawn)
        if not settings.stream:
            return pairs
        for name in ("classes_per_stage", "arrival"):
            value = getattr(settings, name)
            if value != getattr(DataSettings(), name):
                raise DataError(f"{name} is {value!r}, but stream {settings.stream!r} has its own; leave {name} out")
        return draw_items(pairs, settings.stream, split_seed=settings.split_seed)

    @property
    def brings_features(self) -> bool:
        """Whether the data's own image features are used, not an encoder of the kit."""
        return self.encoder_name == "features"

    @property
    def encoder_name(self) -> str:
        """The image encoder, "auto" resolved: "features", "small" or a torchvision model."""
        if self.settings.image_encoder != "auto":
            return self.settings.image_encoder
        if self.settings.folder == "scenes" or self.pairs.image_features is None:
            return "small"
        return "features"

    @property
    def trains_encoder(self) -> bool:
        """Whether the image encoder is trained here, on the source domain."""
        return self.encoder_name == "small" and not self.settings.image_weights

    @property
    def source_name(self) -> str:
        """The source domain, "auto" resolved: "scenes", a folder, or "" for none."""
        if self.settings.source != "auto":
            return self.settings.source
        return "" if self.brings_features else "scenes"

    @cached_property
    def source(self) -> SourceDataset | None:
        """The labelled source domain, read for what the image encoder needs; None where there is none."""
        if not self.source_name:
            return None
        use = "features" if self.brings_features else "images"
        return load_source(self.source_name, use=use, n=self.settings.n_source, follow_links=self.settings.follow_links)

    @cached_property
    def published_network(self) -> PublishedNetwork | None:
        """What torchvision says about the image encoder; None for "small" and "features"."""
        if self.encoder_name in ("features", "small"):
            return None
        settings = self.settings
        return published_network(self.encoder_name, weights=settings.image_weights or None, size=settings.image_size)

    @cached_property
    def image_encoder(self) -> ImageEncoder | None:
        """The frozen image encoder; None where the data brings its own features."""
        return make_image_encoder(
            self.encoder_name,
            self.pairs,
            self.source if self.trains_encoder else None,
            weights=self.settings.image_weights,
            size=self.settings.image_size,
            seed=self.seed,
            on_epoch=self._on_epoch,
        )

    @cached_property
    def words(self) -> WordFinder | None:
        """How words are found in the texts; None where no encoder of the kit counts them."""
        if self.pairs.texts is None or self.pairs.text_features is not None:
            return None
        return words_by(self.settings.text_encoder, self.pairs.texts)

    @property
    def warnings(self) -> list[str]:
        """A line for each reason to doubt results on these data."""
        return [self.words.warning] if self.words is not None and self.words.warning else []

    @cached_property
    def features(self) -> PairedFeatures:
        """Frozen features of pictures and texts."""
        return paired_features(
            self.pairs,
            image_encoder=self.image_encoder,
            text_encoder=self.settings.text_encoder,
            seed=self.seed,
        )

    @cached_property
    def source_features(self) -> SourceFeatures | None:
        """Frozen features of the source pictures, by the same encoder; None where there is no source."""
        return None if self.source is None else source_features(self.source, image_encoder=self.image_encoder)

    @property
    def n_classes(self) -> int:
        """Number of classes; nothing is rendered for it."""
        if self.settings.folder == "scenes" and not self.settings.min_class_size:
            return len(KINDS)
        return len(self.pairs.class_names)

    @property
    def classes_per_stage(self) -> list[int]:
        """Classes that arrive in each stage, chosen by their number where the settings leave it open."""
        if self.settings.stream:
            return [len(task.classes) for task in tasks_of(self.settings.stream)]
        if self.settings.classes_per_stage:
            return self.settings.classes_per_stage
        n_stages = 5 if self.n_classes >= 20 else min(3, self.n_classes)
        return stage_sizes(self.n_classes, n_stages)

    @property
    def epochs(self) -> int:
        """Passes over the training data of a stage, fewer for larger data where the settings leave it open."""
        return self.settings.epochs or min(40, max(10, round(80_000 / len(self.pairs))))

    def stream(self) -> tuple[Stage, ...]:
        """The features as stages of classes, see `class_incremental_stream`."""
        name = self.settings.stream
        return class_incremental_stream(
            self.features,
            class_order=class_order(self.features.class_names, name) if name else None,
            classes_per_stage=self.classes_per_stage,
            arrival=self.settings.arrival,
            split_seed=self.settings.split_seed,
            seed=self.seed,
        )

    def check_seeds(self, seeds: Sequence[int], *, classes_per_stage: Sequence[int] = ()) -> None:
        """Refuse stages that lack queries or database items with any of these seeds; see `streams.check_seeds`."""
        if self.settings.stream:
            return  # `draw_items` has found enough items of every task, whatever the seed
        check_seeds(
            self.pairs,
            seeds,
            classes_per_stage=classes_per_stage or self.classes_per_stage,
            arrival=self.settings.arrival,
            split_seed=self.settings.split_seed,
        )

    @property
    def notes(self) -> list[str]:
        """A line for each decision that was taken unasked, and for each setting that has no effect on these data."""
        scenes = self.settings.folder == "scenes"
        has_effect = {
            "n_pairs": (scenes, "only scenes are drawn"),
            "language": (scenes, "only scenes are captioned by the kit"),
            "n_source": (self.source_name == "scenes", "only scenes are drawn"),
            "image_size": (self.encoder_name not in ("features", "small"), "only torchvision's models take one"),
            "image_weights": (not self.brings_features, "the data's own image features are used"),
            "text_encoder": (scenes or self.pairs.text_features is None, "the data bring text features of their own"),
            "split_seed": (
                scenes or bool(self.settings.stream) or self.pairs.split is None,
                "the data bring a split of their own",
            ),
        }
        given = self.settings.as_dict()
        defaults = DataSettings().as_dict()
        return [
            *self.pairs.notes,
            *([note_of(self.settings.stream)] if self.settings.stream else []),
            *(
                f"{name} is {given[name]!r}, which has no effect: {reason}"
                for name, (used, reason) in has_effect.items()
                if not used and given[name] != defaults[name]
            ),
        ]

    @property
    def record(self) -> dict:
        """For records: every setting with its defaults resolved, and what was decided: words, pictures, notes."""
        resolved = {
            "image_encoder": self.encoder_name,
            "source": self.source_name,
            "classes_per_stage": self.classes_per_stage,
            "epochs": self.epochs,
            "notes": self.notes,
            "words": str(self.words or ""),
            "warnings": self.warnings,
        }
        if self.published_network is not None:
            resolved |= {"image_size": self.published_network.size, "image_preparation": str(self.published_network)}
        return self.settings.as_dict() | resolved

    @property
    def state(self) -> str:
        """A digest of what a run reads: settings, and content of data, source, weights and text model.

        Data that are not on this machine, or cannot be read, count by their settings alone.
        """
        said = self.settings.as_dict()
        del said["name"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `check` says them
            if self.settings.folder != "scenes":
                with suppress(DataError):
                    said["folder"] = dataset_digest(self.pairs)
            with suppress(DataError):
                if self.source_name not in ("", "scenes") and self.source is not None:
                    said["source"] = dataset_digest(self.source)
        for name in ("image_weights", "text_encoder"):
            if said[name] and os.path.exists(said[name]):
                said[name] = [Path(said[name]).name, model_digest(Path(said[name]))]  # names tell published weights
        return digest(json.dumps(said, sort_keys=True))

    def check(self) -> None:
        """Read the data, and refuse settings that a run would refuse after minutes; nothing is trained or encoded.

        Raises
        ------
        DataError
            for unreadable data, a split that cannot be, stages that do not fit its classes, an unknown arrival,
            a negative number of epochs, an absent source domain, an image encoder that torchvision does not have or
            that does not take pictures of that size, and a weights file that is absent or does not fit
        """
        if self.settings.folder == "scenes":
            class_names(self.settings.language)
        if self.settings.arrival not in ARRIVALS:
            raise DataError(f"arrival is {self.settings.arrival!r}; it must be one of {', '.join(ARRIVALS)}")
        if self.settings.epochs < 0:
            raise DataError(f"epochs is {self.settings.epochs}; it must be 1 or more, or 0 to suit the data's size")
        check_stages(self.classes_per_stage, self.n_classes)
        if self.settings.folder != "scenes" or self.settings.stream:
            split_rows(self.pairs, seed=self.settings.split_seed)
        if self.trains_encoder and not self.source_name:
            raise DataError("image encoder 'small' is trained on a source domain; name one, or give image_weights")
        if self.source_name not in ("", "scenes"):
            _ = self.source
        weights = self.settings.image_weights
        if weights and not os.path.isfile(weights):
            raise DataError(f"image_weights is {weights!r}, which does not exist")
        if self.encoder_name == "small" and weights:
            small_encoder(weights)
        _ = self.published_network
        if self.settings.folder != "scenes":
            check_encoder_fits(self.encoder_name, self.pairs)
