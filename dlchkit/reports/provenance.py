"""What a page rests on, and what is not in it: data and its terms, splits, machines, failed and missing runs."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from dlchkit.data.settings import DataSettings
from dlchkit.errors import DataError
from dlchkit.metrics.over_seeds import is_number
from dlchkit.records import FILE_NAME, RunRecord
from dlchkit.reports.read_runs import SweepResults
from dlchkit.runs.run_state import Run
from dlchkit.storage import resource_folder

_PLACE = re.compile(r"""(?<![\w.:/\\])(?:[A-Za-z]:)?(?:[\\/][^\s\\/:'"]+)*[\\/]([^\s\\/:'"]+)""")
_DATA = {"n_pairs": "{:,} pairs", "n_classes": "{} classes", "classes_per_stage": "stages of {} classes"}


@dataclass(frozen=True)
class Unfinished:
    """A run, or several of one setting, in none of a page's numbers.

    Attributes
    ----------
    state : str
        "failed", "not finished" or "not begun".
    where : str
        The point of the grid and the seeds, in words; for a failure also the cell.
    reason : str
        The error's last line or another reason, without folders of the machine; "" where nothing began.
    notebook : Path or None
        What had run.
    """

    state: str
    where: str
    reason: str = ""
    notebook: Path | None = None


def unfinished_runs(results: SweepResults, broken: dict[str, str]) -> list[Unfinished]:
    """List what failed, what began and did not come to an end, and what did not begin, in this order.

    Parameters
    ----------
    broken : dict
        Name of a run -> why its record could not be used.
    """
    failed, begun, not_begun = [], [], {}
    for run in results.without_record():
        failure = run.failure()
        reason = broken.get(run.name) or _why_unfinished(run)
        if failure is not None:
            cell = f", cell {failure['cell']}" if failure["cell"] is not None else ""
            where = results.name_of(run) + cell
            failed.append(Unfinished("failed", where, without_places(str(failure["error"])), notebook_of(run)))
        elif reason:
            begun.append(Unfinished("not finished", results.name_of(run), without_places(reason), notebook_of(run)))
        else:
            not_begun.setdefault(results.point_of(run), []).append(run.parameters["seed"])
    return [*failed, *begun, *(Unfinished("not begun", _with_seeds(*item)) for item in not_begun.items())]


def _with_seeds(point, seeds):
    words = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    return f"{point}: {words}" if point else words


def notebook_of(run: Run) -> Path | None:
    """The notebook that a run left, as far as it came."""
    file = run.folder / run.notebook.name
    return file if file.is_file() else None


def _why_unfinished(run):
    if not run.folder.is_dir():
        return ""
    if not (run.folder / FILE_NAME).exists():
        return "began and has no result yet: it was running when this page was written, or was stopped"
    try:
        RunRecord.load(run.folder)
    except DataError as error:
        return str(error)
    return "its result is not marked as done by this sweep: it was stopped, or comes from another plan"


def without_places(text: str) -> str:
    """A message without the folders of the machine: of a path the last name stays.

    >>> without_places("FileNotFoundError: '/home/ann/items.csv' is not in C:\\\\sets\\\\data, see https://x.org/a")
    "FileNotFoundError: 'items.csv' is not in data, see https://x.org/a"
    """
    return _PLACE.sub(r"\1", text)


def without_place(value: object) -> object:
    """A parameter without the folders of the machine it was run on."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def provenance(results: SweepResults) -> dict[str, str]:
    """What would be needed to run a sweep, or a run alone, again, in the order of its making."""
    names = dict.fromkeys(_data_name(record) for record in results.records.values() if "data" in record.parameters)
    seeds = sorted({run.parameters["seed"] for run in results.runs})
    entries = {
        "command": f"dlchkit sweep {results.file} -o DIR" if results.file else "",
        "notebook": results.notebook,
        "complete runs": f"{len(results.done)} of {len(results.runs)}" if results.file else "",
        "data": ", ".join(filter(None, [*names, data_in_words(results)])),
        **{f"terms of {name}": terms_of(name) for name in names},
        "data settings": _data_settings(results),
        "notes on the data": "; ".join(recorded_of_data(results, "notes")),
        "words of texts": "; ".join(recorded_of_data(results, "words")),
        "fixed parameters": ", ".join(f"{name}={without_place(value)}" for name, value in results.fixed.items()),
        "seeds": ", ".join(map(str, seeds)),
        "memory of a run at its peak": peak_memory_in_words(results),
        "split digest": _digests_in_words(results),
    }
    return {name: value for name, value in entries.items() if value}


def _data_name(record: RunRecord) -> str:
    """The data set's folder, which its card is named after; the parameter, where a record has no data settings."""
    return Path(str(record.data.get("folder", record.parameters["data"]))).name


def _data_settings(results: SweepResults) -> str:
    """The settings of the data that are no defaults and the same in all runs; "" where none were recorded."""
    recorded = [record.data for record in results.done.values() if record.data]
    if not recorded:
        return ""
    defaults = DataSettings().as_dict()
    shared = {name: value for name, value in recorded[0].items() if all(one.get(name) == value for one in recorded)}
    apart = ("name", "notes", "words", "warnings")
    told = {name: value for name, value in shared.items() if value != defaults.get(name) and name not in apart}
    return ", ".join(f"{name}={without_place(value)}" for name, value in told.items())


def recorded_of_data(results: SweepResults, name: str) -> list[str]:
    """The texts, or lists of texts, that the runs recorded of their data under a name; each once."""
    recorded = [record.data.get(name) or [] for record in results.done.values()]
    lists = [value if isinstance(value, list) else [value] for value in recorded]
    return list(dict.fromkeys(without_places(str(line)) for lines in lists for line in lines))


def data_in_words(results: SweepResults) -> str:
    """What the records say of their data; several answers stand side by side."""
    parts = []
    for name, words in _DATA.items():
        answers = [record.findings[name] for record in results.records.values() if name in record.findings]
        texts = dict.fromkeys(_filled(words, answer) for answer in answers)
        if texts:
            parts.append(" or ".join(texts))
    return ", ".join(parts)


def _filled(words, answer):
    if isinstance(answer, list):
        return words.format(" + ".join(map(str, answer)))
    return words.format(answer) if is_number(answer) else words.replace("{:,}", "{}").format(answer)


def peak_memory_in_words(results: SweepResults) -> str:
    """The most memory that a run's process took, of the runs that recorded it; "" where none did."""
    recorded = [record.peak_memory_bytes for record in results.done.values()]
    peaks = [peak / 2**20 for peak in recorded if is_number(peak)]
    if not peaks:
        return ""
    low, high = f"{min(peaks):,.0f}", f"{max(peaks):,.0f}"
    return f"{low} MiB" if low == high else f"{low} to {high} MiB"


def _digests_in_words(results):
    """Digests of the split by seed; one digest where all settings shared it."""
    digests = {}
    for (_, seed), record in results.records.items():
        if "split_digest" in record.findings:
            digests.setdefault(seed, {})[str(record.findings["split_digest"])] = None
    return "; ".join(f"seed {seed}: {', '.join(digests[seed])}" for seed in sorted(digests))


def terms_of(data: str) -> str:
    """The terms that a data set's card states, or that there is no card: nothing is guessed."""
    card = resource_folder("datasets") / f"{data}.md"
    if not re.fullmatch(r"\w[\w-]*", data) or not card.is_file():
        return "no card of the kit states them; they are those under which you hold the data"
    terms = re.search(
        r"^(?:\*\*Terms[.:]?\*\*[.:]?|#+ Terms)\s+(.+?)(?:\n\s*\n|\Z)",
        card.read_text(encoding="utf-8"),
        flags=re.DOTALL | re.MULTILINE,
    )
    return " ".join(re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", terms.group(1)).split()) if terms else "its card states none"


# --- machines ---


def environments(found: list[SweepResults]) -> list[tuple[str, dict]]:
    """Which runs, in words, and all that was recorded of their machine; each distinct environment once."""
    settings, count = {}, Counter()
    for results in found:
        for record in results.done.values():
            setting = _flat(record.environment)
            key = repr(sorted(setting.items()))
            settings[key] = setting
            count[key, results.name] += 1
    runs = {key: ", ".join(f"{n} of {name}" for (its, name), n in count.items() if its == key) for key in settings}
    return [(runs[key], setting) for key, setting in settings.items() if setting]


def _flat(environment):
    versions = environment.get("versions") or {}
    machine = {name: value for name, value in environment.items() if name != "versions"}
    return machine | {name: version or "not installed" for name, version in versions.items()}


def differing(settings: list[dict]) -> list[str]:
    """Names of what is not the same in all environments."""
    names = dict.fromkeys(name for setting in settings for name in setting)
    return [name for name in names if len({str(setting.get(name)) for setting in settings}) > 1]
