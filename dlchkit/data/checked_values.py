"""Named and typed values that people write: on a command line, in a YAML file, in a notebook's parameters cell."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlchkit.errors import DataError, nearest_name

_NUMBERS_AND_TEXT = {"int": int, "float": float, "str": str}
_EXAMPLES = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "list": "a list in JSON form",
}


@dataclass(frozen=True)
class Parameter:
    """A parameter: its name, type, default and help.

    Attributes
    ----------
    type : str
        "int", "float", "str", "bool" or "list"
    """

    name: str
    type: str
    default: object
    help: str = ""


def check_parameters(given: Mapping[str, object], known: Mapping[str, Parameter], place: str) -> dict[str, Any]:
    """Check that every given value has a known name, and convert it to the stated type.

    Text from a command line or from YAML (which reads ``1e-3`` as text) is read as the stated type.

    Parameters
    ----------
    place : str
        where the names are known, for messages: "03_increments.ipynb"

    Raises
    ------
    DataError
        for a name that is not known, with the nearest one, or a value that does not fit its type
    """
    checked = {}
    for name, value in given.items():
        if name not in known:
            raise DataError(f"{place} has no parameter {name!r}; {nearest_name(name, known)}")
        checked[name] = _convert(value, known[name], place)
    return checked


def _convert(value, parameter, place):
    wrong = DataError(
        f"{place}: parameter {parameter.name!r} is {value!r}; "
        f"it must be {_EXAMPLES[parameter.type]}, e.g. {parameter.default!r}"
    )
    if parameter.type in _NUMBERS_AND_TEXT:
        if isinstance(value, (bool, list, dict)) or value is None:
            raise wrong
        if parameter.type == "int" and isinstance(value, float):
            raise wrong
        if parameter.type == "str" and not isinstance(value, str):
            return str(value)
        try:
            return _NUMBERS_AND_TEXT[parameter.type](value)
        except (ValueError, TypeError, OverflowError):  # a date of YAML, a number too large for a float
            raise wrong from None
    if isinstance(value, str):
        try:
            value = json.loads(value.lower() if parameter.type == "bool" else value)
        except (ValueError, RecursionError):
            raise wrong from None
    if not isinstance(value, {"bool": bool, "list": list}[parameter.type]) or not _is_json(value):
        raise wrong
    return value


def _is_json(value):
    """Whether a record could hold the value: YAML also knows dates and sets."""
    try:
        json.dumps(value, sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def read_yaml(path: Path, what: str) -> Any:
    """Read a YAML file, named ``what`` in messages.

    Aliases (``*name``) are refused: a short file of them can stand for billions of values.
    """
    import yaml
    from yaml.composer import ComposerError

    class Plain(yaml.SafeLoader):
        def compose_node(self, parent, index):
            if self.check_event(yaml.AliasEvent):
                mark = self.peek_event().start_mark
                raise ComposerError(None, None, "it holds an alias; write the value out", mark)
            return super().compose_node(parent, index)

    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=Plain)
    except FileNotFoundError:
        raise DataError(f"{what} {path} does not exist") from None
    except (yaml.YAMLError, ValueError, OSError, RecursionError) as error:  # ValueError: no UTF-8, or a date 2001-99-99
        raise DataError(f"{what} {path} is not readable YAML: {' '.join(str(error).split())}") from None
