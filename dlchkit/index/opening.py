"""Opening a saved index without knowing which kind it is."""

from pathlib import Path

from dlchkit.index.faiss_index import FaissIndex
from dlchkit.index.milvus_index import MilvusIndex
from dlchkit.index.stored import read_header


def load_index(folder: str | Path) -> FaissIndex | MilvusIndex:
    """Open what `FaissIndex.save` or `MilvusIndex.save` wrote; a `DataError` where it cannot be used."""
    return (MilvusIndex if read_header(folder)["kind"] == MilvusIndex.kind else FaissIndex).load(folder)
