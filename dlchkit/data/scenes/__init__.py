"""A small world to try the kit on: pictures and captions drawn on the spot.

`render_pairs` makes the target data, little landscapes with captions, and
`render_source` makes pictures of single things in another style, for training
the image network that the target is looked at with. Nothing is downloaded.
"""

from .pairs import KINDS, Pairs, class_names, render_pairs
from .source import SOURCE_KINDS, Source, render_source

VERSION = 1  # of what is drawn: raise it when the same seed gives other pictures or captions

__all__ = ["KINDS", "SOURCE_KINDS", "VERSION", "Pairs", "Source", "class_names", "render_pairs", "render_source"]
