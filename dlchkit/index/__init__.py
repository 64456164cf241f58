"""Search among stored codes: FAISS in one process, Milvus when one machine is not enough.

`FaissIndex` and `MilvusIndex` follow one protocol, `CodeIndex`; FAISS and pymilvus are imported when first used.
"""

from dlchkit.index.faiss_index import FaissIndex
from dlchkit.index.kinds import KINDS
from dlchkit.index.milvus_index import MilvusIndex
from dlchkit.index.opening import load_index
from dlchkit.index.protocol import CodeIndex, Neighbours

__all__ = ["KINDS", "CodeIndex", "FaissIndex", "MilvusIndex", "Neighbours", "load_index"]
