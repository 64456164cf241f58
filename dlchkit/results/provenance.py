"""What the records of a sweep rest on: the data, the splits, what has not run, the machine."""

from collections import Counter
from pathlib import Path

from dlchkit.results.collect import SweepResults, is_number


def data_in_words(results: SweepResults) -> str:
    """What the records say of their data; several answers stand side by side."""
    said = {"n_pairs": "{:,} pairs", "n_classes": "{} classes", "classes_per_stage": "stages of {} classes"}
    parts = []
    for name, words in said.items():
        answers = [record.findings[name] for record in results.records.values() if name in record.findings]
        texts = dict.fromkeys(words.format(" + ".join(map(str, answer)) if isinstance(answer, list) else answer) for answer in answers)
        if texts:
            parts.append(" or ".join(texts))
    return ", ".join(parts)


def peak_memory_in_words(results: SweepResults) -> str:
    """The most memory that a run's process took, of the runs that recorded it; "" where none did."""
    peaks = [record.peak_memory_bytes / 2**20 for record in results.done.values() if is_number(record.peak_memory_bytes)]
    if not peaks:
        return ""
    low, high = f"{min(peaks):,.0f}", f"{max(peaks):,.0f}"
    return f"{low} MiB" if low == high else f"{low} to {high} MiB"


def without_place(value):
    """A parameter without the folders of the machine it was run on."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def open_runs(results: SweepResults) -> dict[str, list[int]]:
    """Point of the grid -> seeds that have not run, or not to the end."""
    missing = {}
    for run in results.without_record():
        if run.failure() is None:
            missing.setdefault(results.point_of(run), []).append(run.parameters["seed"])
    return missing


def digests_of_splits(results: SweepResults) -> dict[int, list[str]]:
    """Seed -> digests of the split; one digest where all settings shared it."""
    digests = {}
    for (_, seed), record in results.records.items():
        if "split_digest" in record.findings:
            digests.setdefault(seed, {})[record.findings["split_digest"]] = None
    return {seed: list(digests[seed]) for seed in sorted(digests)}


def environments(found: list[SweepResults]) -> list[tuple[str, dict]]:
    """Which runs, in words, and versions and all else recorded of their machine; each distinct environment once."""
    settings, count = {}, Counter()
    for results in found:
        for record in results.done.values():
            setting = {name: value for name, value in record.environment.items() if name != "versions"} | (record.environment.get("versions") or {})
            key = repr(sorted(setting.items()))
            settings[key] = setting
            count[key, results.name] += 1
    runs = {key: ", ".join(f"{n} of {sweep}" for (found_in, sweep), n in count.items() if found_in == key) for key in settings}
    return [(runs[key], setting) for key, setting in settings.items()]


def differing(settings: list[dict]) -> list[str]:
    """Names of what is not the same in all environments."""
    names = dict.fromkeys(name for setting in settings for name in setting)
    return [name for name in names if len({str(setting.get(name)) for setting in settings}) > 1]
