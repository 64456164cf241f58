"""Embed pictures in a page as data addresses, within the size that one page may have."""

import base64
import io

from PIL import Image

from dlchkit.data.picture_file import open_picture
from dlchkit.errors import DataError

_MOST_BYTES = 1_300_000  # of all pictures of a page; base64 adds a third, and a page stays below 2 MB
_LARGE = 100_000  # bytes; a PNG above it is stored as WebP
_WIDEST = 1200  # pixels


class EmbeddedPictures:
    """The pictures of one page; each uses a part of the bytes that are left."""

    def __init__(self) -> None:
        self.left = _MOST_BYTES

    def entry(self, raw: bytes, title: str, *, alt: str, caption: str) -> dict:
        """Describe one figure for a template; ``missing`` gives the reason where there is no picture."""
        entry = {"title": title, "alt": alt, "caption": caption, "address": None, "missing": ""}
        try:
            content, kind, (width, height) = _encoded(raw)
        except DataError:
            return entry | {"missing": "This figure's file is missing, lies outside its run's folder or is no picture."}
        if len(content) > self.left:
            return entry | {"missing": "This figure is left out because the page would grow past 2 MB."}
        self.left -= len(content)
        address = f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")
        return entry | {"address": address, "width": width, "height": height}


def _encoded(raw: bytes) -> tuple[bytes, str, tuple[int, int]]:
    """Shrink a picture file; return its bytes, "png" or "webp", width and height. Only WebP keeps photographs small."""
    picture = open_picture(raw)
    picture.thumbnail((_WIDEST, 2 * _WIDEST))
    content = _as(picture, "PNG", optimize=True)
    if len(content) <= _LARGE:
        return content, "png", picture.size
    return _as(picture, "WEBP", quality=80, method=6), "webp", picture.size


def _as(picture: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()
