"""`MilvusIndex`: search on a Milvus server or cluster, or in a milvus-lite file."""

import logging
import secrets
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from dlchkit.errors import DataError, optional_module
from dlchkit.index.ids import IdTable, named_once
from dlchkit.index.index_files import read_header, write_index
from dlchkit.index.protocol import Neighbours, check_index_bits, checked_k, checked_radius, packed

MOST = 16_384  # neighbours of one query that Milvus gives at most
LONGEST_ID = 1_024  # bytes
ANSWERS = 200_000  # neighbours asked for in one request: a few MB, below every message limit
ITEMS = 10_000  # items sent in one request


class MilvusIndex:
    """Hash codes under string ids in a Milvus collection; a `CodeIndex`. Exact (BIN_FLAT, HAMMING).

    The collection is made if it is not there, else opened with what it holds. Answers are sorted by distance,
    inside equal distances by time of insertion; which of the items tied at the last place come is Milvus's choice.

    Parameters
    ----------
    n_bits : int
        Length of the codes, a multiple of 8.
    uri : str
        "http://host:19530" of a server, or a path that ends in .db for milvus-lite.
    collection : str
        Name of the collection.
    token : str
        "user:password" or a key, where the server asks for one; never saved.

    Raises
    ------
    DataError
        pymilvus is missing, nothing answers, the Milvus has no binary vectors (milvus-lite 3), or the collection
        there has another shape; in `search` and `within`, more than 16,384 neighbours per query, which is the
        most that Milvus returns.

    Notes
    -----
    Reads see all writes finished before (consistency level "Strong"). Milvus itself would store an id twice;
    `add` asks it first, so two programs that add one id at the same moment are not kept apart.
    """

    kind = "milvus"

    def __init__(self, n_bits: int, uri: str, *, collection: str = "dlchkit", token: str = ""):
        self.n_bits = check_index_bits(n_bits)
        self.uri = str(uri)
        self.collection = collection
        self._last = 0
        self._client = _connect(self.uri, token)
        with _said(f"Milvus at {self.uri} could not open collection {collection!r}"):
            if not self._client.has_collection(collection):
                _create(self._client, collection, n_bits)
            self._check_shape()
            self._client.load_collection(collection)

    def __len__(self) -> int:
        with _said(f"Milvus at {self.uri} did not count"):
            return int(self._client.query(self.collection, filter="", output_fields=["count(*)"])[0]["count(*)"])

    def __repr__(self) -> str:
        return f"MilvusIndex({self.n_bits}, {self.uri!r}, collection={self.collection!r})"

    def add(self, codes: np.ndarray, ids: np.ndarray) -> None:
        """Store new codes under new ids; see `CodeIndex.add`.

        They are sent in parts of 10,000; where the connection is lost, the parts sent before stay.
        """
        bits = packed(codes, self.n_bits)
        if len(bits) != len(ids):
            raise DataError(f"{len(bits)} codes and {len(ids)} ids do not fit; every code needs one id")
        names = IdTable().checked(ids)
        long = next((name for name in names if len(name.encode()) > LONGEST_ID), None)
        if long is not None:
            raise DataError(f"id {long[:40]!r}... has more than {LONGEST_ID} bytes; Milvus takes no longer ones here")
        there = next(iter(self._stored(names)), None)
        if there is not None:
            raise DataError(f"id {there!r} is in the index twice; every item is stored once")
        first = max(self._last + 1, time.time_ns())  # rises from one program to the next as well
        self._last = first + len(names)
        rows = [
            {"id": name, "inserted": first + i, "code": code.tobytes()}
            for i, (name, code) in enumerate(zip(names, bits, strict=True))
        ]
        with _said(f"Milvus at {self.uri} did not store"):
            for start in range(0, len(rows), ITEMS):
                self._client.insert(self.collection, rows[start : start + ITEMS])

    def remove(self, ids: np.ndarray) -> None:
        """Forget these ids; see `CodeIndex.remove`."""
        names = named_once(ids)
        stored = self._stored(names)
        missing = next((name for name in names if name not in stored), None)
        if missing is not None:
            raise DataError(f"id {missing!r} is not in the index")
        with _said(f"Milvus at {self.uri} did not remove"):
            for start in range(0, len(names), ITEMS):
                self._client.delete(self.collection, ids=names[start : start + ITEMS])

    def search(self, codes: np.ndarray, k: int) -> Neighbours:
        """Find the k nearest codes of every query, k at most 16,384; see `CodeIndex.search`."""
        if checked_k(k) > MOST:
            raise DataError(f"k is {k:,}; Milvus gives at most {MOST:,} neighbours")
        bits = packed(codes, self.n_bits)
        k = min(k, len(self))
        answers = self._ask(bits, k) if k else [([], [], [])] * len(bits)
        shape = (len(bits), k)
        if any(len(distances) != k for distances, _, _ in answers):
            raise DataError(
                f"Milvus at {self.uri} gave fewer than {k:,} of the {len(self):,} items it counts; "
                "another program may be removing items, search again"
            )
        distances = np.array([distances for distances, _, _ in answers], dtype=np.int32).reshape(shape)
        names = [name for _, _, found in answers for name in found]
        return Neighbours(distances, np.arange(len(names)).reshape(shape), names)

    def within(self, codes: np.ndarray, radius: int) -> list[Neighbours]:
        """Find all codes within a radius of every query, fewer than 16,384 each; see `CodeIndex.within`."""
        bits = packed(codes, self.n_bits)
        radius = checked_radius(radius, self.n_bits)
        limit = min(MOST, len(self))
        answers = self._ask(bits, limit, radius=radius + 1, range_filter=0) if limit else [([], [], [])] * len(bits)
        for i, (distances, _, _) in enumerate(answers):
            if len(distances) == MOST:
                raise DataError(
                    f"query {i} has {MOST:,} items or more within {radius}, the most Milvus gives; "
                    "take a smaller radius"
                )
        return [
            Neighbours(np.array(distances, dtype=np.int32), np.arange(len(names)), names)
            for distances, _, names in answers
        ]

    def save(self, folder: str | Path) -> Path:
        """Write where the index is; the codes stay in Milvus."""
        uri = str(Path(self.uri).resolve()) if _is_file(self.uri) else self.uri
        header = {"kind": self.kind, "n_bits": self.n_bits, "uri": uri, "collection": self.collection}
        return write_index(Path(folder), header, {})

    @classmethod
    def load(cls, folder: str | Path, *, token: str = "") -> "MilvusIndex":
        """Connect to the collection that `save` noted; a `DataError` where it is gone."""
        header = read_header(folder, uri=str, collection=str)
        uri = header["uri"]
        collection = header["collection"]
        gone = DataError(f"{uri} holds no collection {collection!r} any more, though {folder} names it")
        if _is_file(uri) and not Path(uri).exists():
            raise gone
        client = _connect(uri, token)
        with _said(f"Milvus at {uri} did not answer"):
            there = client.has_collection(collection)
        if not there:
            raise gone
        return cls(header["n_bits"], uri, collection=collection, token=token)

    def close(self) -> None:
        """Close the connection; a milvus-lite file is then free for another program."""
        self._client.close()

    def _ask(self, bits, limit, **params) -> list[tuple]:
        """Ask for the neighbours of every query: distances, times of insertion and ids, sorted by the first two."""
        answers = []
        step = max(1, ANSWERS // limit)
        with _said(f"Milvus at {self.uri} did not search"):
            for start in range(0, len(bits), step):
                queries = [code.tobytes() for code in bits[start : start + step]]
                how = {"metric_type": "HAMMING", "params": params}
                answers += self._client.search(
                    self.collection, queries, limit=limit, search_params=how, output_fields=["inserted"]
                )
        sorted_answers = []
        for hits in answers:
            rows = sorted((int(hit["distance"]), hit["entity"]["inserted"], hit["id"]) for hit in hits)
            sorted_answers.append(tuple(zip(*rows, strict=True)) or ((), (), ()))
        return sorted_answers

    def _stored(self, names) -> set:
        """Look up which of the names are in the collection."""
        found = set()
        with _said(f"Milvus at {self.uri} did not look up ids"):
            for start in range(0, len(names), ITEMS):
                part = names[start : start + ITEMS]
                found.update(row["id"] for row in self._client.get(self.collection, ids=part, output_fields=["id"]))
        return found

    def _check_shape(self) -> None:
        fields = {field["name"]: field for field in self._client.describe_collection(self.collection)["fields"]}
        if not {"id", "inserted", "code"} <= set(fields):
            raise DataError(
                f"collection {self.collection!r} at {self.uri} was not made by dlchkit; name another collection"
            )
        there = int(fields["code"]["params"]["dim"])
        if there != self.n_bits:
            raise DataError(
                f"collection {self.collection!r} at {self.uri} holds codes of {there} bits, not {self.n_bits}; "
                "name another collection"
            )


def _is_file(uri: str) -> bool:
    return "://" not in uri


def _connect(uri: str, token: str):
    """Connect to a Milvus that has binary vectors."""
    pymilvus = optional_module("pymilvus", "milvus")
    if _is_file(uri) and not uri.endswith(".db"):
        raise DataError(f"uri is {uri!r}; it must be http://host:port of a Milvus server or a path that ends in .db")
    with _said(f"no Milvus answers at {uri}"):
        if _is_file(uri):
            Path(uri).parent.mkdir(parents=True, exist_ok=True)
        client = pymilvus.MilvusClient(uri, token=token)
    probe = f"dlchkit_probe_{secrets.token_hex(4)}"
    with _said(
        f"Milvus at {uri} has no binary vectors; a Milvus server and milvus-lite 2.5.1 (with setuptools<80) have them, "
        "milvus-lite 3 has not"
    ):
        logger = logging.getLogger("pymilvus")  # it logs a whole traceback for what is one line here
        level = logger.level
        logger.setLevel(logging.CRITICAL + 1)
        try:
            _create(client, probe, 8)
            client.insert(probe, [{"id": "probe", "inserted": 0, "code": b"\0"}])
        finally:
            logger.setLevel(level)
            if client.has_collection(probe):
                client.drop_collection(probe)
    return client


def _create(client, collection: str, n_bits: int) -> None:
    DataType = optional_module("pymilvus", "milvus").DataType
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=LONGEST_ID)
    schema.add_field("inserted", DataType.INT64)
    schema.add_field("code", DataType.BINARY_VECTOR, dim=n_bits)
    index = client.prepare_index_params()
    index.add_index("code", index_type="BIN_FLAT", metric_type="HAMMING")
    client.create_collection(collection, schema=schema, index_params=index, consistency_level="Strong")


@contextmanager
def _said(what: str):
    """Turn any error of pymilvus inside the block into one line; its errors have no common base class."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{what} ({' '.join(str(error).split())[:200]})") from error
