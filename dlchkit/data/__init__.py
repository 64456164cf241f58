"""Labelled images and image-text pairs: containers, streams of stages, readers, and a set that the kit draws.

One file or folder each::

    containers      pairs, features and stages: what every other room takes and returns
    streams         classes dealt into stages, items into queries and database
    named_streams   those that papers publish
    catalog         `load` and `load_source`: data by name or path
    loaders/        readers, one file per form of files
    picture_file    every picture is opened here
    words           words of texts in any script
    content         digests of what is in data sets and models
    scenes/         the data set that the kit renders itself
    download        files fetched from a data set's own page
"""

from dlchkit.data.containers import (
    DIRECTIONS,
    SIDES,
    PairedDataset,
    PairedFeatures,
    SourceDataset,
    SourceFeatures,
    Stage,
    choose_labelled,
)

__all__ = [
    "DIRECTIONS",
    "SIDES",
    "PairedDataset",
    "PairedFeatures",
    "SourceDataset",
    "SourceFeatures",
    "Stage",
    "choose_labelled",
]
