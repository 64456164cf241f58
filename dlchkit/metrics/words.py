"""Numbers and names as a reader writes them: seconds, bytes, money, scores, measures and lists."""

import math
from collections.abc import Sequence


def in_words(name: str) -> str:
    """Write the name of a measure or direction as words.

    >>> in_words("map_image_to_text")
    'mAP image to text'
    """
    return " ".join("mAP" if word == "map" else word for word in str(name).split("_"))


def joined(parts: Sequence[str]) -> str:
    """Join parts as in a sentence: "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), *parts[-1:]] if len(parts) > 1 else parts)


def number_in_words(value: float, digits: int = 2, *, sign: str = "") -> str:
    """Format a score or difference with a true minus sign; NaN is "not defined".

    >>> number_in_words(-0.5), number_in_words(0.5, 3, sign="+"), number_in_words(math.nan)
    ('−0.50', '+0.500', 'not defined')
    """
    return "not defined" if math.isnan(value) else f"{value:{sign}.{digits}f}".replace("-", "−")


def seconds_in_words(seconds: float, digits: int = 1) -> str:
    """Format a duration in seconds, minutes or hours.

    >>> seconds_in_words(34.2), seconds_in_words(340), seconds_in_words(34_000)
    ('34.2 s', '5.7 min', '9.4 h')
    """
    if seconds < 120:
        return f"{seconds:.{digits}f} s"
    if seconds < 7200:
        return f"{seconds / 60:.{digits}f} min"
    return f"{seconds / 3600:.{digits}f} h"


def bytes_in_words(n_bytes: float) -> str:
    """Format a number of bytes in a unit that keeps it below 1024.

    >>> bytes_in_words(12), bytes_in_words(1536), bytes_in_words(3 * 2**40)
    ('12 bytes', '1.5 KiB', '3.0 TiB')
    """
    if n_bytes < 1024:
        return f"{n_bytes:.0f} bytes"
    for unit in ("KiB", "MiB", "GiB"):
        n_bytes /= 1024
        if n_bytes < 1024:
            return f"{n_bytes:.1f} {unit}"
    return f"{n_bytes / 1024:,.1f} TiB"


def money_in_words(amount: float, currency: str) -> str:
    """Format an amount of money.

    >>> money_in_words(1234.5, "EUR")
    '1,234.50 EUR'
    """
    return f"{amount:,.2f} {currency}"
