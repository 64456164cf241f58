"""One run of a sweep: its inputs, and its state on disk (done, failed or open)."""

from dataclasses import dataclass, replace
from pathlib import Path

from dlchkit.errors import DataError
from dlchkit.records import RunRecord, code_digest
from dlchkit.storage import atomic_path, read_json

DONE = "done.txt"
FAILED = "failed.json"
CODE_CHANGED = "open: code changed"


@dataclass(frozen=True)
class Run:
    """One notebook at one point of a sweep's grid, with one seed.

    Attributes
    ----------
    notebook : the sweep's own copy, which every run of it executes, in the sweep's folder
    parameters : of the point, checked, the seed among them; the notebook gets those that it has
    folder : where its result.json goes; no other run shares it
    digest : of all that the run depends on except the package's code, see `digest_of`
    code : digest of the package's code that the run is planned with; None for any (``--keep``)
    depends_on : digests of its other inputs: its data, and the earlier runs that it reads
    earlier : folder of the runs before it, for a notebook with a parameter ``runs``
    cell_timeout : seconds that one of its cells may take; None for no limit
    """

    notebook: Path
    parameters: dict
    folder: Path
    digest: str
    code: str | None = None
    depends_on: tuple[str, ...] = ()
    earlier: Path | None = None
    cell_timeout: int | None = None

    @property
    def sweep(self) -> str:
        """Name of the sweep it belongs to."""
        return self.notebook.parent.name

    @property
    def name(self) -> str:
        """Sweep and folder, as people see the run named."""
        return self.folder.relative_to(self.notebook.parent.parent).as_posix()

    def record(self) -> RunRecord | None:
        """The complete record of this very run, by this very code, or None: a run counts as done only by it."""
        stored, code = self._marks()
        if stored != self.digest or self.code not in (None, code):
            return None
        try:
            record = RunRecord.load(self.folder)
        except (DataError, OSError):
            return None
        return record if record.status == "complete" else None

    def _marks(self) -> tuple[str, str]:
        """Digests of the run and of the code that a finished run left; "" where there are none."""
        try:
            marks = (self.folder / DONE).read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError):
            return "", ""
        return "".join(marks[:1]), "".join(marks[1:2])

    def mark_done(self) -> None:
        """Note that the run in the folder is this one."""
        with atomic_path(self.folder / DONE) as temporary:
            temporary.write_text(f"{self.digest}\n{self.code or code_digest()}\n", encoding="utf-8")

    def failure(self) -> dict | None:
        """How this very run failed with this very code: {"digest", "code", "cell", "error"}, or None."""
        try:
            failure = read_json(self.folder / FAILED)
            kinds = type(failure["cell"]) in (int, type(None)) and isinstance(failure["error"], str)
            this = failure["digest"] == self.digest and self.code in (None, failure.get("code"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return failure if this and kinds else None

    def state(self) -> str:
        """Where the run stands: "done", "failed", "open", or "open: code changed" if it was done by other code."""
        if self.record() is not None:
            return "done"
        if self.failure():
            return "failed"
        return CODE_CHANGED if replace(self, code=None).record() is not None else "open"
