"""Search among stored codes: FAISS in one process, Milvus when one machine is not enough.

`FaissIndex` and `MilvusIndex` follow one protocol, `CodeIndex`; FAISS and pymilvus are imported when first used.
"""

from pathlib import Path

from dlchkit.index.faiss_index import FaissIndex
from dlchkit.index.index_files import read_header
from dlchkit.index.kinds import KINDS
from dlchkit.index.milvus_index import MilvusIndex
from dlchkit.index.protocol import CodeIndex, Neighbours

__all__ = ["KINDS", "CodeIndex", "FaissIndex", "MilvusIndex", "Neighbours", "load_index"]


def load_index(folder: str | Path) -> FaissIndex | MilvusIndex:
    """Open what `FaissIndex.save` or `MilvusIndex.save` wrote; a `DataError` where it cannot be used."""
    if read_header(folder)["kind"] == MilvusIndex.kind:
        return MilvusIndex.load(folder)
    return FaissIndex.load(folder)
