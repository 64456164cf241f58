"""Pictures as cameras and shops make them come out as a viewer shows them; damaged ones are found, in one line."""

import io
import shutil
import struct
import subprocess
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from dlchkit.data import picture_file
from dlchkit.data.picture_file import open_picture, unreadable_pictures
from dlchkit.errors import DataError

RED, WHITE, BLACK = (255, 0, 0), (255, 255, 255), (0, 0, 0)
LOSSLESS = ["PNG", "TIFF", "GIF", "BMP", "PPM", "JPEG2000"]


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCHKIT_DATA", str(tmp_path / "home"))


def file_bytes(picture, kind, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def smooth(seed=0, size=(96, 64)):
    grain = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(grain).resize(size, Image.Resampling.BICUBIC)


def opened(raw):
    return np.asarray(open_picture(raw)).astype(int)


def two_halves(left, right):
    """Left and right half of one colour each, in four channels, 64 x 32."""
    pixels = np.zeros((32, 64, 4), np.uint8)
    pixels[:, :32], pixels[:, 32:] = left, right
    return Image.fromarray(pixels)


def png(depth, colour_type, row, *chunks):
    """Write a PNG that Pillow does not: two equal rows of two pixels; ``chunks`` as (type, content)."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 2, 2, depth, colour_type, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(2 * (b"\0" + row))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


# --- colours, depth and transparency ---


def unreadable(files):
    return unreadable_pictures({path: path for path in files})


@pytest.mark.parametrize("kind", LOSSLESS)
def test_rgb_pixels_come_out_as_they_were_stored(kind):
    picture = smooth()
    if kind == "GIF":
        picture = picture.quantize(16).convert("RGB")
    raw = file_bytes(picture, kind)
    assert np.array_equal(opened(raw), np.asarray(picture))


def test_pixels_and_files_and_bytes_are_one(tmp_path):
    pixels = np.asarray(smooth())
    Image.fromarray(pixels).save(tmp_path / "a.png")
    for item in (pixels, tmp_path / "a.png", str(tmp_path / "a.png"), (tmp_path / "a.png").read_bytes()):
        assert np.array_equal(np.asarray(open_picture(item)), pixels)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG2000", "GIF", "WEBP"])
def test_what_is_transparent_is_white_whatever_colour_is_hidden_there(kind):
    raw = file_bytes(two_halves((0, 0, 255, 0), (*RED, 255)), kind, **({"lossless": True} if kind == "WEBP" else {}))
    pixels = opened(raw)
    assert np.array_equal(pixels[5, 5], WHITE) and np.array_equal(pixels[5, 60], RED)


@pytest.mark.parametrize("mode", ["LA", "P", "PA", "RGB", "L", "1"])
def test_transparency_is_seen_in_every_mode(mode):
    cut_out = two_halves((0, 0, 0, 0), (*RED, 255))
    if mode in ("LA", "PA"):
        picture, options = cut_out.convert("LA"), {}
    elif mode == "P":
        picture, options = cut_out.quantize(4), {}
    else:
        picture = cut_out.convert("RGB").convert(mode, dither=Image.Dither.NONE)
        options = {"transparency": BLACK if mode == "RGB" else 0}
    pixels = np.asarray(open_picture(file_bytes(picture, "PNG", **options)))
    assert np.array_equal(pixels[5, 5], WHITE)
    assert mode == "1" or not np.array_equal(pixels[5, 60], WHITE)


def test_half_transparent_is_mixed_with_white():
    pixels = opened(file_bytes(two_halves((*BLACK, 128), (*BLACK, 255)), "PNG"))
    assert pixels[0, 0].tolist() == [127] * 3 and pixels[0, 60].tolist() == [0] * 3


RAMP = np.linspace(0, 65535, 64 * 32).round().astype(np.uint16).reshape(32, 64)
BYTES = np.round(RAMP / 257).astype(int)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM", "JPEG2000"])
def test_sixteen_bits_are_scaled_to_eight(kind):
    pixels = opened(file_bytes(Image.fromarray(RAMP), kind))
    assert np.abs(pixels - BYTES[..., None]).max() <= 1


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(RAMP.astype(np.float32) / 65535, id="float, 0 to 1"),
        pytest.param(RAMP.astype(np.float32) / 257, id="float, 0 to 255"),
        pytest.param(RAMP.astype(np.float32), id="float, 0 to 65535"),
        pytest.param(RAMP.astype(np.float32) - 30000, id="float, negative"),
        pytest.param(BYTES.astype(np.int32), id="32 bits, 0 to 255"),
        pytest.param(RAMP.astype(np.int32), id="32 bits, 0 to 65535"),
        pytest.param(RAMP.astype(np.int32) * 1000, id="32 bits, larger"),
    ],
)
def test_numbers_without_a_range_of_their_own_are_scaled(values):
    assert np.abs(opened(file_bytes(Image.fromarray(values), "TIFF")) - BYTES[..., None]).max() <= 1


def test_a_dark_picture_of_whole_numbers_stays_dark():
    assert opened(file_bytes(Image.fromarray(np.full((4, 4), 1, np.int32)), "TIFF")).max() == 1


def test_sixteen_bits_where_zero_is_white():
    raw = file_bytes(Image.fromarray(RAMP), "TIFF", tiffinfo={262: 0})
    assert np.abs(opened(raw) - (255 - BYTES)[..., None]).max() <= 1


def test_sixteen_bits_with_a_transparent_value():
    grey = png(16, 0, struct.pack(">2H", 0, 65535), (b"tRNS", struct.pack(">H", 0)))
    assert opened(grey)[0].tolist() == [[255] * 3] * 2
    red = png(16, 2, struct.pack(">6H", 0, 0, 0, 65535, 0, 0), (b"tRNS", struct.pack(">3H", 65535, 0, 0)))
    assert opened(red)[0].tolist() == [[0] * 3, [255] * 3]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_printing_colours_are_not_inverted(kind):
    white = opened(file_bytes(Image.new("CMYK", (16, 16), (0, 0, 0, 0)), kind))
    black = opened(file_bytes(Image.new("CMYK", (16, 16), (0, 0, 0, 255)), kind))
    assert white.min() > 250 and black.max() < 5


def test_values_that_are_no_numbers_and_colours_that_are_not_read(refused):
    with refused("no finite numbers"):
        open_picture(file_bytes(Image.fromarray(np.full((3, 3), np.nan, np.float32)), "TIFF"))
    with refused("LAB"):
        open_picture(file_bytes(Image.new("LAB", (8, 8)), "TIFF"))


# --- orientation and frames ---


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_their_camera_says(kind, orientation):
    upright = smooth()
    stored_as = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # how such a camera holds the picture, as Pillow numbers it
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(stored_as[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    pixels = opened(file_bytes(stored, kind, exif=exif, **options))
    assert pixels.shape == (64, 96, 3)
    assert np.abs(pixels - np.asarray(upright)).mean() < 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("content", [b"Exif\0\0junk", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"])
def test_damaged_notes_of_the_camera_do_not_make_a_picture_bad(kind, content):
    assert opened(file_bytes(smooth(), kind, exif=content)).shape == (64, 96, 3)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG", "MPO"])
def test_the_first_of_several_frames_is_taken(kind):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    pixels = opened(file_bytes(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert np.abs(pixels - RED).max() < 5


# --- what is sound and what is not ---

JPEG = file_bytes(smooth(), "JPEG")
THUMBNAIL = file_bytes(smooth(1, (16, 16)), "JPEG")
WITH_THUMBNAIL = JPEG[:2] + b"\xff\xe1" + struct.pack(">H", len(THUMBNAIL) + 2) + THUMBNAIL + JPEG[2:]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(JPEG + bytes(8192), id="padding"),
        pytest.param(JPEG + b"\xff\xd8 a video, ftypmp42" * 3000, id="motion photo"),
        pytest.param(JPEG + THUMBNAIL[:100], id="another that is cut short"),
        pytest.param(WITH_THUMBNAIL, id="thumbnail"),
        pytest.param(file_bytes(smooth(), "JPEG", progressive=True) + b"\0", id="progressive"),
        pytest.param(file_bytes(smooth(), "JPEG", comment=b"a marker \xff\xd9 in a note"), id="marker in a note"),
        pytest.param(file_bytes(smooth(), "JPEG", restart_marker_blocks=2), id="restart markers"),
        pytest.param(file_bytes(smooth(), "PNG") + bytes(100), id="PNG with padding"),
    ],
)  # fmt: skip
def test_what_stands_behind_the_end_of_a_picture_does_not_count(raw):
    assert np.abs(opened(raw) - np.asarray(smooth())).mean() < 8


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (17, 33), (64, 64)])
def test_flat_pictures_are_whole(mode, size, progressive):
    flat = Image.new("RGB", size, "teal").convert(mode)
    assert np.ptp(opened(file_bytes(flat, "JPEG", progressive=progressive)), axis=(0, 1)).max() == 0


CUT = len(JPEG) * 2 // 3


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(JPEG[:CUT], id="cut"),
        pytest.param(JPEG[:-2], id="no end marker"),
        pytest.param(JPEG[:CUT] + bytes(100_000), id="zeros behind"),
        pytest.param(JPEG[:-2] + bytes(8192), id="no end marker, zeros behind"),
        pytest.param(JPEG[:CUT] + JPEG, id="another behind"),
        pytest.param(JPEG[:CUT] + b"\xff\xd9", id="end marker put behind"),
        pytest.param(JPEG[:CUT] + bytes(3) + b"\xff\xd9" + bytes(8192), id="end marker and zeros behind"),
        pytest.param(file_bytes(smooth(), "JPEG", progressive=True)[:CUT] + b"\xff\xd9", id="progressive, end marker"),
        pytest.param(file_bytes(smooth().convert("CMYK"), "JPEG")[:CUT] + b"\xff\xd9", id="four inks, end marker"),
        pytest.param(file_bytes(smooth().convert("L"), "JPEG")[: CUT // 2] + b"\xff\xd9", id="grey, end marker"),
        pytest.param(WITH_THUMBNAIL[: len(THUMBNAIL) + CUT], id="thumbnail whole"),
        pytest.param(file_bytes(smooth(), "JPEG", progressive=True)[:CUT], id="progressive"),
    ],
)
def test_a_jpeg_that_is_cut_short_is_found(raw, refused):
    with refused("cut short"):
        open_picture(raw)


@pytest.mark.parametrize("share", [0.3, 0.9, 0.99])
@pytest.mark.parametrize(
    "kind, options",
    [("PNG", {}), ("GIF", {}), ("BMP", {}), ("WEBP", {}), ("PPM", {}), ("JPEG2000", {}), ("TIFF", {}),
     ("TIFF", {"compression": "tiff_lzw"})],
)  # fmt: skip
def test_every_format_that_is_cut_short_is_found(kind, options, share, refused):
    raw = file_bytes(smooth(), kind, **options)
    with refused("cut short"):
        open_picture(raw[: int(len(raw) * share)])


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "is empty"),
        (b"no picture", "none of JPEG, PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n", "none of JPEG, PNG"),
        (b"%PDF-1.7\n", "none of JPEG, PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "none of JPEG, PNG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "HEIC picture, which is not read; save it as JPEG or PNG"),
        (file_bytes(Image.new("1", (13500, 13400)), "PNG"), "more than 100,000,000 pixels; make it smaller"),
        (file_bytes(Image.new("1", (10100, 10000)), "PNG"), "more than 100,000,000 pixels; make it smaller"),
    ],
)  # fmt: skip
def test_what_is_not_read_is_said_in_plain_words(raw, said, tmp_path, refused, recwarn):
    (tmp_path / "a.jpg").write_bytes(raw)
    with refused(f"image file {tmp_path / 'a.jpg'} ", said, "--skip-bad-rows"):
        open_picture(tmp_path / "a.jpg")
    assert list(unreadable([tmp_path / "a.jpg"])) == [tmp_path / "a.jpg"]
    assert not recwarn.list


def test_no_program_is_started_for_a_picture(tmp_path, monkeypatch, refused):
    monkeypatch.setattr(subprocess, "check_call", lambda *_, **__: pytest.fail("a program was started"))
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a program was started"))
    for name in ("a.png", "a.eps", "a.ps"):
        (tmp_path / name).write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nloop\n")
        with refused("none of JPEG, PNG"):
            open_picture(tmp_path / name)


def test_files_that_are_none(tmp_path, refused):
    (tmp_path / "folder").mkdir()
    for name, said in (("absent.png", "does not exist"), ("folder", "is a folder"), ("x" * 300, "cannot be read")):
        with refused(name, said):
            open_picture(tmp_path / name)


def test_whatever_damage_does_is_read_or_refused_in_one_line(recwarn):
    random = np.random.default_rng(0)
    for kind in (*LOSSLESS, "JPEG", "WEBP", "AVIF" if "AVIF" in Image.SAVE else "PNG"):
        whole = np.frombuffer(file_bytes(smooth(0, (24, 16)), kind), np.uint8)
        for _ in range(60):
            raw = whole.copy()
            raw[random.integers(0, len(raw), 3)] = random.integers(0, 256, 3)
            try:
                assert open_picture(raw.tobytes()).mode == "RGB"
            except DataError as error:
                assert len(str(error).splitlines()) == 1
    assert not recwarn.list


# --- looked at once ---


def test_pictures_are_looked_at_once_and_again_when_one_changes(tmp_path, monkeypatch):
    looked = []
    decoded = picture_file._decoded
    monkeypatch.setattr(picture_file, "_decoded", lambda raw: looked.append(1) or decoded(raw))
    good, bad, absent = (tmp_path / name for name in ("good.jpg", "bad.gif", "absent.png"))
    good.write_bytes(JPEG)
    bad.write_bytes(file_bytes(smooth(), "GIF")[:400])
    found = unreadable([good, bad, absent, good])
    assert set(found) == {bad, absent} and "cut short" in found[bad] and found[absent] == "does not exist"
    assert unreadable([absent, bad, good]) == found and len(looked) == 2
    time.sleep(0.01)
    good.write_bytes(JPEG[:CUT].ljust(len(JPEG), b"\0"))
    assert good in unreadable([good, bad, absent]) and len(looked) == 4


def test_damage_to_what_was_kept_is_found(tmp_path):
    (tmp_path / "a.jpg").write_bytes(JPEG[:CUT])
    found = unreadable([tmp_path / "a.jpg"])
    (kept,) = (tmp_path / "home" / "pictures").glob("*.txt")
    kept.write_text(kept.read_text().replace("cut short", "very good"))
    assert unreadable([tmp_path / "a.jpg"]) == found
    shutil.rmtree(tmp_path / "home")
    assert unreadable([]) == {}
    assert not (tmp_path / "home").exists()
