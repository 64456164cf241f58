"""What single queries found, from a record's findings to the page: the one place where their shape is checked."""

from dlchkit.data import DIRECTIONS
from dlchkit.plotting.style import in_words

FINDING = "examples"
_MOST_QUERIES, _MOST_ITEMS = 24, 20  # shown of one record, and of one query
_SHOWN_LETTERS = 400  # of a caption
_SHARED, _MEANT = "shares a label with the query", "has all labels that were meant by what was typed"
_LARGEST = 2**31  # a distance is a number of bits


def found_by_queries(findings: dict) -> dict | None:
    """A record's examples as the templates show them; None where it lists none.

    Parameters
    ----------
    findings : of a record; what its examples look like is told in `dlchkit.examples`. They
        are read from a file: an entry of another shape is left out

    Returns
    -------
    {"groups", "malformed", "n_not_shown"}: a group is what one method found in one direction,
    {"direction", "by_picture", "method", "queries", "n_right", "n_judged", "rules"}; ``rules``
    say what counts as right, ``malformed`` whether an entry was of another shape
    """
    listed = findings.get(FINDING, [])
    listed = listed if isinstance(listed, list) else [listed]
    entries = [entry for entry in listed if _is_entry(entry)]
    groups = {}
    for entry in entries[:_MOST_QUERIES]:
        groups.setdefault((entry["direction"], entry["method"]), []).append(entry)
    shown = [_group(direction, method, of_one) for (direction, method), of_one in groups.items()]
    found = {
        "groups": shown,
        "malformed": len(entries) < len(listed),
        "n_not_shown": max(len(entries) - _MOST_QUERIES, 0),
    }
    return found if listed else None


def _group(direction, method, entries):
    verdicts = [item["right"] for entry in entries for item in entry["found"] if item["right"] is not None]
    return {
        "direction": in_words(direction),
        "by_picture": direction == "image_to_text",
        "method": _cut(method),
        "queries": [_in_short(entry["query"]) | _shown(entry["found"]) for entry in entries],
        "n_right": sum(verdicts),
        "n_judged": len(verdicts),
        "rules": list(dict.fromkeys(_MEANT if entry["query"]["id"] is None else _SHARED for entry in entries)),
    }


def _shown(found):
    return {
        "found": [item | _in_short(item) for item in found[:_MOST_ITEMS]],
        "n_not_shown": max(len(found) - _MOST_ITEMS, 0),
    }


def _in_short(item):
    return {"id": _cut(item["id"]), "text": _cut(item["text"]), "labels": _cut(", ".join(item["labels"]))}


def _cut(text):
    return text if text is None or len(text) <= _SHOWN_LETTERS else text[:_SHOWN_LETTERS].rstrip() + " …"


# --- the shape ---


def _is_entry(value):
    return _has(value, _ENTRY) and _has(value["query"], _QUERY) and all(_has(item, _ITEM) for item in value["found"])


def _has(value, kinds):
    return isinstance(value, dict) and all(name in value and is_kind(value[name]) for name, is_kind in kinds.items())


def _is_text(value):
    return isinstance(value, str)


def _is_text_or_none(value):
    return value is None or _is_text(value)


def _are_names(value):
    return isinstance(value, list) and all(map(_is_text, value))


def _is_distance(value):
    return type(value) is int and 0 <= value < _LARGEST


def _is_verdict(value):
    return value is None or isinstance(value, bool)


_ENTRY = {
    "direction": lambda value: value in tuple(DIRECTIONS),
    "method": _is_text,
    "query": lambda value: isinstance(value, dict),
    "found": lambda value: isinstance(value, list),
}
_QUERY = {"id": _is_text_or_none, "text": _is_text_or_none, "labels": _are_names}
_ITEM = {"id": _is_text, "text": _is_text_or_none, "labels": _are_names, "distance": _is_distance, "right": _is_verdict}
