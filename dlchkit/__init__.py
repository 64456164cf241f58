"""dlchkit: a Jupyter-first experiment kit for lifelong cross-modal hashing.

The way of the data, one room each::

    data         labelled source images and image-text pairs, in stages
    encoders     frozen features
    transfer     transferred features (CHTN)
    lifelong     relaxed codes -> hash codes, class by class (DLCH and its references)
    bank         append-only code bank
    evaluation   Hamming ranking -> R matrix
    records      result.json
    plotting, reports   figures and the page that supports a decision

The public names stand in ``__init__.pyi``; each is imported when first used, so that
``import dlchkit`` is instant. Every other name is imported from its room.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
