"""The one place where pictures are opened: formats that are read, how they become RGB, what is wrong with others."""

import io
import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import PIL
from PIL import Image

from dlchkit.errors import DataError
from dlchkit.storage import data_home, digest, made_once

READING = "pictures, version 1"  # raised when pictures come out otherwise: in the key of all that is made of them
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")  # none that starts a program
MOST_PIXELS = 100_000_000
MOST_BYTES = 2**30
ORIENTATION = 0x0112  # EXIF: how the picture is to be turned
TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
BITS_PER_SAMPLE, PHOTOMETRIC = 258, 262  # tags of TIFF
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

Key = TypeVar("Key")


def open_picture(item: np.ndarray | str | Path | bytes) -> Image.Image:
    """Open a picture as a viewer shows it, in RGB.

    Turned as its EXIF entry says; what is transparent is white; of several frames the first. Sixteen bits are scaled
    to eight. Numbers without a range of their own (TIFF of 32-bit integers or floats, PFM) are scaled by the least of
    1 (floats alone), 255 and 65535 that none exceeds; where one is negative or all three are exceeded, from their
    least value to their largest. Colour profiles are not applied.

    Parameters
    ----------
    item : uint8 array (height, width, 3), path, or bytes of a file
        Of one of `FORMATS`, at most `MOST_PIXELS` and `MOST_BYTES`.

    Raises
    ------
    DataError
        One line names the file and says what is wrong with it.
    """
    if isinstance(item, np.ndarray):
        return _as_rgb(Image.fromarray(item))
    try:
        return _decoded(item if isinstance(item, bytes) else _content(Path(item)))
    except DataError as error:
        if isinstance(item, bytes):
            raise DataError(f"the picture {error}") from None
        raise DataError(f"image file {item} {error}; replace it, or leave its row out with --skip-bad-rows") from None


def unreadable_pictures(files: Mapping[Key, Path]) -> dict[Key, str]:
    """Find the files that `open_picture` refuses, and what is wrong with each, by their keys.

    Every file is decoded whole. What was found is kept below `data_home`, for these files at these sizes and times.
    """
    paths = sorted(set(files.values()))
    if not paths:
        return {}
    key = digest(READING, PIL.__version__, *map(_state, paths))[:32]

    def look():
        found = {str(n): problem for n, path in enumerate(paths) if (problem := _problem(path))}
        said = json.dumps(found)
        return found, lambda temporary: temporary.write_text(f"{digest(said)}\n{said}", encoding="utf-8")

    found = made_once(data_home() / "pictures" / f"{key}.txt", _kept, look)
    problem_of = {paths[int(n)]: problem for n, problem in found.items()}
    return {key: problem_of[path] for key, path in files.items() if path in problem_of}


def _state(path: Path) -> str:
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return f"{path} absent"
    return f"{path} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"


def _kept(path: Path) -> dict[str, str] | None:
    """Read what was found; None if the file is absent or damaged, and the pictures are to be looked at again."""
    try:
        checksum, _, said = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, ValueError):
        return None
    return json.loads(said) if checksum == digest(said) else None


def _problem(path: Path) -> str | None:
    try:
        _decoded(_content(path))
    except DataError as error:
        return str(error)
    return None


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise DataError("is a folder" if path.is_dir() else "is no plain file")
        if size > MOST_BYTES:
            raise DataError(f"has {size:,} bytes; at most {MOST_BYTES:,} are read")
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError("does not exist") from None
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})") from None


def _decoded(raw: bytes) -> Image.Image:
    """Decode a file's bytes; the error says what is wrong with the file, as the end of a sentence about it."""
    Image.init()
    formats = [name for name in FORMATS if name in Image.OPEN]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, on bytes that it does not need and on sizes it allows
            with Image.open(io.BytesIO(raw), formats=formats) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise Image.DecompressionBombError
                if picture.format == "PNG":
                    with Image.open(io.BytesIO(raw), formats=["PNG"]) as again:
                        again.verify()  # the checksums, which decoding passes over
                picture.load()
                if picture.format in ("JPEG", "MPO") and not _is_whole_jpeg(raw, np.asarray(picture)):
                    raise DataError("is cut short: the end of its picture is missing")
                return _as_rgb(picture)
    except DataError:
        raise
    except Image.DecompressionBombError:
        raise DataError(f"has more than {MOST_PIXELS:,} pixels; make it smaller") from None
    except PIL.UnidentifiedImageError:
        raise DataError(_unknown(raw, formats)) from None
    except Exception as error:  # Pillow raises many kinds for damaged files
        reason = (str(error) or type(error).__name__).splitlines()[0][:100]
        raise DataError(f"is not a readable picture: it is damaged or cut short ({reason})") from None


def _unknown(raw, formats) -> str:
    if not raw:
        return "is empty"
    accepts = [accept for name in formats if (accept := Image.OPEN[name][1]) is not None]
    if any(accept(raw[:16]) is True for accept in accepts):
        return "is not a readable picture: it is damaged or cut short"
    if raw[4:8] == b"ftyp" and raw[8:12] in HEIC_BRANDS:
        return "is a HEIC picture, which is not read; save it as JPEG or PNG"
    return f"is not a readable picture: it is none of {', '.join(formats)}"


def _is_whole_jpeg(raw: bytes, pixels: np.ndarray) -> bool:
    """Tell whether the pixels of a JPEG file are all its own: decoders fill up what is cut short with flat blocks.

    Where the last block is flat, other bytes are put before the end marker: they change nothing behind a whole picture,
    and the missing blocks of one that is cut short.
    """
    end = _jpeg_end(raw)
    if end is None:
        return False
    height, width = pixels.shape[:2]
    last = pixels[(height - 1) // 8 * 8 :, (width - 1) // 8 * 8 :]
    if (last != last[0, 0]).any():
        return True
    with Image.open(io.BytesIO(raw[:end] + bytes(range(255)) * 16 + b"\xff\xd9"), formats=["JPEG"]) as again:
        return np.array_equal(np.asarray(again), pixels)


def _jpeg_end(raw: bytes) -> int | None:
    """Find the end marker of the first picture in a JPEG file; behind it there may be anything.

    Markers inside of segments, as those of a thumbnail, do not count: segments are passed by their lengths (ITU-T T.81,
    annex B).
    """
    place = 2
    while marker := re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]").search(raw, place):
        place = marker.end()
        kind = raw[place - 1]
        if kind in (0xD8, 0xD9):  # 0xD8: another picture begins where this one has not ended
            return marker.start() if kind == 0xD9 else None
        place += int.from_bytes(raw[place : place + 2], "big")
    return None


def _as_rgb(picture: Image.Image) -> Image.Image:
    turn = _turn(picture)
    if picture.mode[0] in "IF":
        picture = _eight_bits(picture)
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    if picture.mode == "LAB":
        raise DataError("is stored in LAB colours, which are not read; save it in RGB")
    picture = picture.convert("RGB")
    return picture if turn is None else picture.transpose(turn)


def _turn(picture: Image.Image) -> Image.Transpose | None:
    try:
        return TURNED.get(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged EXIF, of which Pillow raises many kinds, says nothing about the pixels
        return None


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Scale grey values of more than eight bits: mode L, or LA where the file names a transparent value."""
    values = np.asarray(picture).astype(np.float32)
    if not np.isfinite(values).all():
        raise DataError("holds values that are no finite numbers")
    tags = getattr(picture, "tag_v2", {})
    lowest, highest = 0, _white(picture, values, tags)
    if highest is None or values.min() < 0:
        lowest, highest = float(values.min()), float(values.max())
    grey = np.round((values - lowest) / max(highest - lowest, 1e-30) * 255).astype(np.uint8)
    if tags.get(PHOTOMETRIC) == 0:  # zero is white
        grey = 255 - grey
    transparent = picture.info.get("transparency")
    if not isinstance(transparent, int):
        return Image.fromarray(grey)
    alpha = np.where(values == transparent, 0, 255).astype(np.uint8)
    return Image.merge("LA", (Image.fromarray(grey), Image.fromarray(alpha)))


def _white(picture, values, tags) -> int | None:
    """The value that is white; None where the values exceed every usual one."""
    if picture.mode.startswith("I;16"):
        return 4095 if tags.get(BITS_PER_SAMPLE) == (12,) else 65535
    if picture.mode == "I" and picture.format in ("PNG", "PPM"):
        return 65535
    usual = (1, 255, 65535) if picture.mode == "F" else (255, 65535)
    return next((white for white in usual if values.max() <= white), None)
