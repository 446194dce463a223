"""Picture files of real life: profiles, transparency, odd headers. The right values come from formulas and from files
made here byte by byte, not from the library that reads them."""

from __future__ import annotations

import io
import lzma
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from conftest import difference
from PIL import Image

from background_removal.compositing.background_loader import BackgroundLoader
from background_removal.errors import InputError
from background_removal.files.image_decoding import read_picture
from background_removal.files.images import read_image
from background_removal.files.kinds import is_video
from background_removal.files.video.video_source import VideoSource

UNTOUCHED = "--no-segmentation"

# -- colour profiles -------------------------------------------------------------------------------

# XYZ of the primaries, relative to D50, and gamma (0 for sRGB's curve): from the published profiles.
PROFILES = {
    "srgb": ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410), 0.0),
    "p3": ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407), 0.0),
    "adobe": ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457), 2.19921875),
    "bt2020": ((0.67348, 0.27904, -0.00193), (0.16567, 0.67534, 0.02998), (0.12505, 0.04561, 0.79686), 2.2),
    "prophoto": ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491), 1.8),
}


def to_linear(values: np.ndarray, gamma: float) -> np.ndarray:
    if gamma:
        return values**gamma
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def expected_srgb(rgb: np.ndarray, name: str) -> np.ndarray:
    """Return sRGB, uint8 (..., 3), of colours in the space `name`, by the definition of both."""
    *primaries, gamma = PROFILES[name]
    xyz = to_linear(rgb / 255, gamma) @ np.array(primaries)
    linear = np.clip(xyz @ np.linalg.inv(np.array(PROFILES["srgb"][:3])), 0, 1)
    return np.rint(np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055) * 255)


def icc_profile(name: str) -> bytes:
    """Return a colour profile with a matrix and one curve (ICC.1:2001-04, 6.3.1.2)."""
    *primaries, gamma = PROFILES[name]

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    steps = np.rint(to_linear(np.linspace(0, 1, 1024), gamma) * 65535).astype(">u2")
    curve = b"curv\0\0\0\0" + struct.pack(">I", len(steps)) + steps.tobytes()
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78) + b"\0"
    tags = {b"desc": text, b"wtpt": xyz((0.9642, 1, 0.8249)), b"cprt": b"text\0\0\0\0none\0"}
    for letter, values in zip(b"rgb", primaries, strict=True):
        tags[bytes([letter]) + b"XYZ"] = xyz(values)
        tags[bytes([letter]) + b"TRC"] = curve
    return assemble_profile(tags, b"RGB ")


def assemble_profile(tags: dict[bytes, bytes], space: bytes) -> bytes:
    """Return a colour profile of a display with these tags."""
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"test", 0x02400000, b"mntr", space, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head + bytes(128 - len(head)) + table + body


def chart() -> np.ndarray:
    """Return colours inside sRGB in every space, as 16-pixel squares, uint8 (64, 96, 3) RGB."""
    colors = np.random.default_rng(3).integers(90, 190, (4, 6, 3)).astype(np.uint8)
    return np.repeat(np.repeat(colors, 16, axis=0), 16, axis=1)


@pytest.mark.parametrize("name", ["p3", "adobe", "prophoto", "srgb"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_colour_profiles_are_converted_to_srgb(tmp_path: Path, suffix: str, name: str) -> None:
    path = tmp_path / f"photo{suffix}"
    options = {".jpg": {"quality": 100, "subsampling": 0}, ".webp": {"lossless": True}}.get(suffix, {})
    Image.fromarray(chart()).save(path, icc_profile=icc_profile(name), **options)
    expected = expected_srgb(chart().astype(float), name)[..., ::-1]
    found = read_image(str(path))
    assert np.abs(found - expected).max() <= (6 if suffix == ".jpg" else 2 if name != "srgb" else 0)
    behind = BackgroundLoader().file(path).original
    assert (behind == found).all()


def exif_of_adobe_rgb(space: int, rules: bytes) -> bytes:
    """Return the EXIF by which cameras say Adobe RGB: the colour space and the rules that the file follows."""
    block = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x8769, 4, 1, 26, 0)
    block += struct.pack("<HHHIIHHIII", 2, 0xA001, 3, 1, space, 0xA005, 4, 1, 56, 0)
    return block + struct.pack("<HHHI4sI", 1, 1, 2, 4, rules, 0)


@pytest.mark.parametrize(
    ("space", "rules", "name"),
    [(65535, b"R03\0", "adobe"), (2, b"R98\0", "adobe"), (65535, b"R98\0", "srgb"), (1, b"R03\0", "srgb")],
)
def test_adobe_rgb_that_only_exif_tells_is_converted(tmp_path: Path, space: int, rules: bytes, name: str) -> None:
    exif = exif_of_adobe_rgb(space, rules)
    for suffix, options in ((".jpg", {"quality": 100, "subsampling": 0}), (".png", {})):
        Image.fromarray(chart()).save(tmp_path / f"a{suffix}", exif=exif, **options)
        expected = expected_srgb(chart().astype(float), name)[..., ::-1]
        found = read_image(str(tmp_path / f"a{suffix}"))
        assert np.abs(found - expected).max() <= (6 if suffix == ".jpg" else 2)
    profile = icc_profile("p3")  # one in the file counts more
    Image.fromarray(chart()).save(tmp_path / "both.png", exif=exif, icc_profile=profile)
    expected = expected_srgb(chart().astype(float), "p3")[..., ::-1]
    assert np.abs(read_image(str(tmp_path / "both.png")) - expected).max() <= 2


def with_cicp(png: bytes, primaries: int, transfer: int) -> bytes:
    """Return a PNG with a chunk that tells of its colours (PNG 3, 11.3.2.6)."""
    chunk = b"cICP" + bytes([primaries, transfer, 0, 1])
    return png[:33] + struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[33:]


def with_code_points(name: str, primaries: int, transfer: int) -> bytes:
    """Return a file of the chart whose container alone tells of the colours (ITU-T H.273)."""
    out = io.BytesIO()
    options = {"a.png": {}, "a.avif": {"quality": 100, "subsampling": "4:4:4"}, "a.heic": {"quality": 100}}[name]
    if name == "a.heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
        options |= {"chroma": 444, "format": "HEIF"}
    Image.fromarray(chart()).save(out, **{"format": name[2:].upper(), **options})
    data = out.getvalue()
    if name == "a.png":
        return with_cicp(data, primaries, transfer)
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


@pytest.mark.parametrize("name", ["a.avif", "a.heic", "a.png"])
def test_colours_that_only_the_container_tells_are_converted(tmp_path: Path, name: str) -> None:
    for (primaries, transfer), space in {(12, 13): "p3", (9, 4): "bt2020", (1, 13): "srgb"}.items():
        (tmp_path / name).write_bytes(with_code_points(name, primaries, transfer))
        expected = expected_srgb(chart().astype(float), space)[..., ::-1]
        error = np.abs(read_image(str(tmp_path / name)) - expected)
        assert error.mean() < 1.5, space  # with the loss of coding
        assert error.max() <= 2 or name != "a.png", space


def test_the_colours_of_the_main_picture_count_and_not_those_of_others(tmp_path: Path) -> None:
    whole = with_code_points("a.avif", 12, 13)
    # Another property before it, as that of a thumbnail, which belongs to no item here: all numbers rise by one.
    other = struct.pack(">I8sHHHB", 19, b"colrnclx", 9, 16, 9, 128)
    start, end = whole.index(b"ipco") - 4, whole.index(b"ipma") - 4
    assert whole[end + 12 : end + 16] == b"\0\0\0\1", "one item"
    count = whole[end + 18]
    numbers = bytes(number + 1 for number in whole[end + 19 : end + 19 + count])
    data = bytearray(whole[: start + 8] + other + whole[start + 8 : end + 19] + numbers + whole[end + 19 + count :])
    for at in (start, start - 8, whole.index(b"meta") - 4):  # the boxes around it
        struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + len(other))
    at = data.index(b"iloc") + 4  # where the picture's data are
    assert data[at + 4 : at + 6] == b"\x44\0"
    struct.pack_into(">I", data, at + 14, struct.unpack_from(">I", data, at + 14)[0] + len(other))
    (tmp_path / "a.avif").write_bytes(data)
    expected = expected_srgb(chart().astype(float), "p3")[..., ::-1]
    assert np.abs(read_image(str(tmp_path / "a.avif")) - expected).mean() < 1


@pytest.mark.parametrize("mode", ["L", "LA", "I;16", "RGBA"])
def test_grey_profiles_are_converted_with_and_without_alpha(tmp_path: Path, mode: str) -> None:
    grey = np.repeat(np.arange(0, 250, 10, dtype=np.uint8), 4).reshape(10, 10)
    alpha = np.full_like(grey, 255)
    alpha[5:] = 128
    layers = {"L": grey, "LA": np.dstack([grey, alpha]), "I;16": grey * np.uint16(257)}
    pixels = layers.get(mode, np.dstack([grey, grey, grey, alpha]))
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=grey_profile(1.8))
    linear = (grey / 255) ** 1.8
    expected = np.rint(np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055) * 255)
    found = read_picture(str(tmp_path / "a.png")).image
    assert np.abs(found[..., :3] - expected[..., None]).max() <= 2
    assert ("A" in mode) == (found.shape[2] == 4)


def grey_profile(gamma: float) -> bytes:
    """Return a colour profile of grey with a power as its curve."""
    curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    tags = {b"wtpt": white, b"kTRC": curve, b"desc": b"desc\0\0\0\0" + struct.pack(">I", 2) + b"g\0" + bytes(78)}
    return assemble_profile(tags, b"GRAY")


def test_a_profile_that_is_damaged_or_of_another_space_is_ignored(tmp_path: Path) -> None:
    whole = icc_profile("p3")
    for profile in (whole[:200], b"nonsense", whole.replace(b"RGB ", b"CMYK", 1)):
        Image.fromarray(chart()).save(tmp_path / "photo.png", icc_profile=profile)
        assert (read_image(str(tmp_path / "photo.png")) == chart()[..., ::-1]).all()


# -- transparency ----------------------------------------------------------------------------------


def cutout(width: int = 96, height: int = 64) -> np.ndarray:
    """Return RGBA, uint8 (H, W, 4): red where it is opaque, half transparent in the middle, hidden green elsewhere."""
    image = np.zeros((height, width, 4), np.uint8)
    image[:] = (0, 255, 0, 0)
    image[:, : width // 3] = (200, 30, 20, 255)
    image[:, width // 3 : width // 2] = (200, 30, 20, 128)
    return image


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".ico"])
def test_what_comes_in_transparent_stays_so_and_hides_its_colour(run_main, tmp_path: Path, suffix: str) -> None:
    side = 64
    options = {".webp": {"lossless": True, "exact": True}, ".ico": {"sizes": [(side, side)]}}.get(suffix, {})
    given = cutout(side, side)
    Image.fromarray(given).save(tmp_path / f"in{suffix}", **options)
    hidden = given[..., 3] == 0
    for background in ("none", "blur", "transparent") if suffix == ".png" else ("none",):
        outcome = run_main(f"in{suffix}", "--background", background, "--quality", "fast", "--output", "r.png")
        assert (outcome.code, outcome.err.count("\n")) == (0, 0 if not outcome.err else 1), outcome.err
        result = cv2.imread(str(tmp_path / "r.png"), cv2.IMREAD_UNCHANGED)
        assert (result[..., 3] <= given[..., 3]).all()
        assert not (result[hidden][:, :3] == (0, 255, 0)).all(axis=1).any()
    image = read_image(str(tmp_path / f"in{suffix}"))
    assert (image[hidden] == 255).all()
    assert np.abs(image[:, side // 2 - 2].astype(int) - (137, 142, 227)).max() <= 2  # half of it on white


def test_a_transparent_avif_stays_one(run_main, tmp_path: Path) -> None:
    Image.fromarray(cutout()).save(tmp_path / "in.avif", quality=95)
    for choice in ((), ("--metadata", "none")):
        outcome = run_main("in.avif", UNTOUCHED, *choice)
        assert (outcome.code, outcome.out) == (0, "in_out.avif\n")
        result = np.asarray(Image.open(tmp_path / "in_out.avif"))
        assert result[:, 60:, 3].max() <= 2
        assert result[:, :24, 3].min() >= 253
        assert np.abs(result[:, :24, :3].astype(int) - (200, 30, 20)).max() < 12


def test_transparent_pictures_become_white_where_the_format_has_no_alpha(run_main, tmp_path: Path) -> None:
    Image.fromarray(cutout()).save(tmp_path / "in.png")
    assert run_main("in.png", UNTOUCHED, "--output", "r.jpg").code == 0
    result = cv2.imread(str(tmp_path / "r.jpg"))
    assert (result[8, 8:24].astype(int) - (20, 30, 200)).__abs__().max() < 12
    assert result[8, 60:].min() > 245
    refused = run_main("in.png", "--background", "transparent", "--output", "s.jpg")
    assert (refused.code, "cannot store transparency" in refused.err) == (2, True)


def test_an_opaque_alpha_channel_is_no_transparency(tmp_path: Path) -> None:
    opaque = np.dstack([chart(), np.full((64, 96), 255, np.uint8)])
    Image.fromarray(opaque).save(tmp_path / "in.png")
    assert read_picture(str(tmp_path / "in.png"))[0].shape == (64, 96, 3)


# -- odd and old files -----------------------------------------------------------------------------


def with_chunks(webp: bytes, exif: bytes) -> bytes:
    """Return a simple WebP with EXIF data, as written (the container specification of WebP)."""
    width, height = Image.open(io.BytesIO(webp)).size
    first = webp[12:]
    extended = b"VP8X" + struct.pack("<IBxxx", 10, 8) + struct.pack("<I", width - 1)[:3]
    extended += struct.pack("<I", height - 1)[:3]
    body = b"WEBP" + extended + first + b"EXIF" + struct.pack("<I", len(exif)) + exif + bytes(len(exif) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_exif_of_a_webp_is_followed_with_and_without_its_prefix(tmp_path: Path, prefix: bytes) -> None:
    upright = np.zeros((40, 60, 3), np.uint8)
    upright[:20, :30] = (0, 0, 255)
    exif = prefix + b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    stored = cv2.imencode(".webp", np.rot90(upright), [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes()
    (tmp_path / "a.webp").write_bytes(with_chunks(stored, exif))
    assert (read_image(str(tmp_path / "a.webp")) == upright).all()


def test_whole_jpegs_with_junk_are_not_damaged(run_main, tmp_path: Path, portrait: np.ndarray) -> None:
    jpeg = cv2.imencode(".jpg", portrait[:128, :128])[1].tobytes()
    tables = jpeg.index(b"\xff\xc4")
    files = {
        "end.jpg": jpeg[:-2] + b"\x11\x22\0\x33\x44" + jpeg[-2:],
        "header.jpg": jpeg[:tables] + b"\x12\x34\0\0\x56" + jpeg[tables:],
        "after.jpg": jpeg + b"and a line of text\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    outcome = run_main(*files, UNTOUCHED, "--output", "out/")
    assert (outcome.code, outcome.err) == (0, "")
    expected = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    for name in files:
        assert (read_image(str(tmp_path / name)) == expected).all()


def test_damage_is_told_from_junk_by_the_end_of_the_coded_picture(tmp_path: Path, portrait: np.ndarray) -> None:
    random = np.random.default_rng(1)
    found, wrong = [], []
    for number in range(24):
        jpeg = bytearray(cv2.imencode(".jpg", portrait[number : number + 96, :128])[1].tobytes())
        whole = bytes(jpeg[:-2] + random.integers(0, 255, 5).astype(np.uint8).tobytes() + jpeg[-2:])
        (tmp_path / "whole.jpg").write_bytes(whole)
        wrong.append(read_picture(str(tmp_path / "whole.jpg")).damaged)
        at = int(random.integers(900, len(jpeg) - 200))
        jpeg[at : at + 4] = random.integers(0, 255, 4).astype(np.uint8).tobytes()
        (tmp_path / "damaged.jpg").write_bytes(jpeg)
        found.append(read_picture(str(tmp_path / "damaged.jpg")).damaged)
    assert sum(wrong) <= 1
    assert sum(found) >= 7, "libjpeg itself notices 10"


def os2_bitmap() -> bytes:
    pixels = b"".join(bytes((10 * x, 40 * y, 7)) if x < 5 else b"" for y in (1, 0) for x in range(5)) + b""
    rows = [pixels[start : start + 15] + b"\0" for start in (0, 15)]
    return b"BM" + struct.pack("<IHHIIHHHH", 26 + 32, 3, 5, 26, 12, 5, 2, 1, 24) + b"".join(rows)


def bitmap_565() -> bytes:
    rows = b"".join(struct.pack("<4H", 0xF800, 0x07E0, 0x001F, 0x8410) for _ in range(2))
    masks = struct.pack("<3I", 0xF800, 0x07E0, 0x001F)
    header = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, 16, 3, len(rows), 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 66 + len(rows), 0, 0, 66) + header + masks + rows


def test_old_bitmaps(tmp_path: Path) -> None:
    (tmp_path / "os2.bmp").write_bytes(os2_bitmap())  # with a hot spot, where Windows has zeros
    (tmp_path / "565.bmp").write_bytes(bitmap_565())
    assert not is_video(str(tmp_path / "os2.bmp"))
    assert read_image(str(tmp_path / "os2.bmp")).tolist() == [[[10 * x, 40 * y, 7] for x in range(5)] for y in (0, 1)]
    found = read_image(str(tmp_path / "565.bmp"))[0].astype(int)
    assert np.abs(found - [[0, 0, 255], [0, 255, 0], [255, 0, 0], [132, 130, 132]]).max() <= 4


def tiff(width: int, bits: int, channels: int, data: bytes, compression: int = 1) -> bytes:
    """Return a TIFF of one row, grey or RGB."""
    fields = {256: width, 257: 1, 259: compression, 262: 1 if channels == 1 else 2, 277: channels, 278: 1}
    fields |= {258: bits, 273: 0, 279: len(data)}
    start = 8 + 2 + 12 * len(fields) + 4
    directory = struct.pack("<H", len(fields))
    for tag, value in sorted(fields.items()):
        if tag == 258 and channels == 3:
            directory += struct.pack("<HHII", tag, 3, 3, start)
        else:
            directory += struct.pack("<HHII", tag, 4, 1, start + 6 if tag == 273 else value)
    return b"II*\0" + struct.pack("<I", 8) + directory + bytes(4) + struct.pack("<3H", *[bits] * 3) + data


def test_tiffs_of_few_and_of_many_bits(tmp_path: Path) -> None:
    grey = {
        "2.tif": (tiff(4, 2, 1, b"\x1b"), [0, 85, 170, 255]),
        "4.tif": (tiff(2, 4, 1, b"\x5a"), [85, 170]),
        "12.tif": (tiff(2, 12, 1, b"\x80\x0f\xff"), [128, 255]),
        "16.tif": (tiff(2, 16, 1, struct.pack("<2H", 25700, 65535)), [100, 255]),
    }
    for name, (content, expected) in grey.items():
        (tmp_path / name).write_bytes(content)
        assert read_image(str(tmp_path / name))[0, :, 1].tolist() == expected, name
    rows = bytes(range(96))
    (tmp_path / "lzma.tif").write_bytes(tiff(32, 8, 3, lzma.compress(rows), 34925))
    assert read_image(str(tmp_path / "lzma.tif"))[0, :, ::-1].tobytes() == rows
    (tmp_path / "rgb12.tif").write_bytes(tiff(2, 12, 3, bytes(9)))
    with pytest.raises(InputError, match=r"rgb12\.tif: not a readable image .* 8 or 16 bits"):
        read_image(str(tmp_path / "rgb12.tif"))


def qoi(pixels: np.ndarray) -> bytes:
    """Return a QOI file of RGB pixels, each in full (the format's specification, QOI_OP_RGB)."""
    head = b"qoif" + struct.pack(">IIBB", pixels.shape[1], pixels.shape[0], 3, 0)
    return head + b"".join(b"\xfe" + bytes(pixel) for pixel in pixels.reshape(-1, 3)) + bytes(7) + b"\1"


def icon(pixels: np.ndarray) -> bytes:
    """Return an icon of RGB pixels, opaque, as a bitmap of 32 bits with a mask."""
    height, width = pixels.shape[:2]
    rows = np.dstack([pixels[::-1, :, ::-1], np.full((height, width), 255, np.uint8)]).tobytes()
    mask = bytes(-(-width // 32) * 4 * height)
    header = struct.pack("<IiiHHIIiiII", 40, width, 2 * height, 1, 32, 0, 0, 0, 0, 0, 0)
    size = len(header + rows + mask)
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, width, height, 0, 0, 1, 32, size, 22) + header + rows + mask


def still_gif(pixels: np.ndarray) -> bytes:
    """Return a GIF of one picture."""
    out = io.BytesIO()
    Image.fromarray(pixels).quantize(4).save(out, "GIF")
    return out.getvalue()


def tga(pixels: np.ndarray) -> bytes:
    """Return a TGA of RGB pixels, uncompressed, the top row first."""
    height, width = pixels.shape[:2]
    return struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, width, height, 24, 32) + pixels[..., ::-1].tobytes()


def pcx(pixels: np.ndarray) -> bytes:
    """Return a PCX of RGB pixels, each byte as a run of one."""
    height, width = pixels.shape[:2]
    head = struct.pack("<BBBBHHHHHH48sBBHH", 10, 5, 1, 8, 0, 0, width - 1, height - 1, 72, 72, b"", 0, 3, width, 1)
    return head.ljust(128, b"\0") + b"".join(b"\xc1%c" % value for value in pixels.transpose(0, 2, 1).tobytes())


def sgi(pixels: np.ndarray) -> bytes:
    """Return an SGI picture of RGB pixels, uncompressed, the bottom row first."""
    height, width = pixels.shape[:2]
    head = struct.pack(">hBBHHHHii", 474, 0, 1, 3, width, height, 3, 0, 255)
    return head.ljust(512, b"\0") + pixels[::-1].transpose(2, 0, 1).tobytes()


def dds(pixels: np.ndarray) -> bytes:
    """Return a DDS picture of RGB pixels, uncompressed (its masks give the order of the channels)."""
    height, width = pixels.shape[:2]
    form = struct.pack("<8I", 32, 0x40, 0, 24, 0xFF, 0xFF00, 0xFF0000, 0)
    head = (
        struct.pack("<7I44x", 124, 0x100F, height, width, 3 * width, 0, 0) + form + struct.pack("<5I", 0x1000, *[0] * 4)
    )
    return b"DDS " + head + pixels.tobytes()


def cursor(pixels: np.ndarray) -> bytes:
    """Return a cursor: an icon of another kind, with its hot spot in place of planes and bits."""
    data = bytearray(icon(pixels))
    data[2], data[10:14] = 2, b"\0\0\0\0"
    return bytes(data)


@pytest.mark.parametrize(
    ("suffix", "make"),
    [(".ico", icon), (".qoi", qoi), (".gif", still_gif), (".tga", tga), (".pcx", pcx), (".sgi", sgi), (".dds", dds),
     (".cur", cursor)],
)  # fmt: skip
def test_icons_and_still_gifs_are_pictures(
    run_main, tmp_path: Path, suffix: str, make: Callable[[np.ndarray], bytes]
) -> None:
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16, 8:] = (250, 10, 60)
    pixels[16:, :8] = (0, 90, 255)
    (tmp_path / f"in{suffix}").write_bytes(make(pixels))
    outcome = run_main(f"in{suffix}", UNTOUCHED)
    assert (outcome.code, outcome.out, outcome.err) == (0, "in_out.png\n", "")
    assert (cv2.imread(str(tmp_path / "in_out.png"))[..., ::-1] == pixels).all()


# -- high dynamic range ----------------------------------------------------------------------------


@pytest.mark.parametrize("transfer", [16, 18])
def test_an_hdr_still_is_mapped_as_the_video_of_it(tmp_path: Path, transfer: int) -> None:
    rows = np.linspace(0.05, 0.95, 64)[:, None, None] * np.array([1, 0.9, 0.7])
    deep = np.broadcast_to(np.rint(rows * 65535), (64, 96, 3)).astype(np.uint16)
    for name, muxer in (("still.avif", "avif"), ("clip.mp4", "mp4")):
        with av.open(str(tmp_path / name), "w", format=muxer) as container:
            stream = container.add_stream("libsvtav1", rate=1, options={"crf": "8", "preset": "8"})
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p10le"
            context = stream.codec_context
            context.color_primaries, context.color_trc, context.colorspace, context.color_range = 9, transfer, 9, 1
            frame = av.VideoFrame.from_ndarray(deep, format="rgb48le")
            frame = frame.reformat(format="yuv420p10le", dst_colorspace=9, dst_color_range=1)
            frame.pts = 0
            container.mux([*stream.encode(frame), *stream.encode()])
    with VideoSource(str(tmp_path / "clip.mp4")) as source:
        expected = next(iter(source)).image
    found = read_image(str(tmp_path / "still.avif"))
    assert difference(found, expected) < 2
    png = cv2.imencode(".png", np.ascontiguousarray(deep[..., ::-1]))[1].tobytes()
    (tmp_path / "still.png").write_bytes(with_cicp(png, 9, transfer))
    assert difference(read_image(str(tmp_path / "still.png")), expected) < 2
    alpha = np.repeat(np.uint16([0, 65535]), 48)[None, :, None].repeat(64, axis=0)
    png = cv2.imencode(".png", np.dstack([deep[..., ::-1], alpha]))[1].tobytes()
    (tmp_path / "cutout.png").write_bytes(with_cicp(png, 9, transfer))
    image = read_picture(str(tmp_path / "cutout.png")).image
    assert difference(image[:, 48:, :3], expected[:, 48:]) < 2
    assert (image[:, :48] == (255, 255, 255, 0)).all()
    assert not is_video(str(tmp_path / "still.avif"))


# -- videos with transparency ----------------------------------------------------------------------


def write_cutouts(path: Path, codec: str, pix_fmt: str) -> np.ndarray:
    """Write five frames of `cutout`, and return one of them."""
    image = cutout(128, 96)
    with av.open(str(path), "w") as container:
        options = {"auto-alt-ref": "0", "crf": "10", "b": "0"} if codec == "libvpx-vp9" else {}
        stream = container.add_stream(codec, rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 96, pix_fmt
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(image, format="rgba").reformat(format=pix_fmt)
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return image


def read_cutouts(path: Path) -> list[np.ndarray]:
    """Return RGBA of every frame, by the decoder that knows of alpha."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        name = "libvpx-vp9" if stream.codec_context.name == "vp9" else stream.codec_context.name
        decoder = av.CodecContext.create(name, "r")
        decoder.extradata = stream.codec_context.extradata
        packets = [packet if packet.size else None for packet in container.demux(stream)]
        return [frame.to_ndarray(format="rgba") for packet in packets for frame in decoder.decode(packet)]


@pytest.mark.parametrize(("name", "codec", "pix_fmt"), [("a.mov", "png", "rgba"), ("a.webm", "libvpx-vp9", "yuva420p")])
def test_transparent_videos_stay_so_and_hide_their_colour(
    run_main, tmp_path: Path, name: str, codec: str, pix_fmt: str
) -> None:
    given = write_cutouts(tmp_path / name, codec, pix_fmt)
    hidden = cv2.erode((given[..., 3] == 0).astype(np.uint8), np.ones((9, 9))) > 0
    opaque = cv2.erode((given[..., 3] == 255).astype(np.uint8), np.ones((9, 9))) > 0
    for arguments in ((UNTOUCHED,), ("--background", "transparent", "--quality", "fast")):
        outcome = run_main(name, *arguments, "--jobs", 1)
        assert outcome.code == 0, outcome.err
        results = read_cutouts(tmp_path / outcome.out.strip())
        assert len(results) == 5
        for result in results:
            assert result[hidden][:, 3].max() <= 2
            assert result[hidden][:, :3].min() > 230 or result[hidden][:, :3].max() < 25
            if UNTOUCHED in arguments:
                assert result[opaque][:, 3].min() > 250
                assert abs(int(np.median(result[..., 3][10:-10, 50:58])) - 128) <= 3
    assert run_main(name, UNTOUCHED, "--output", "r.mp4").code == 0
    shown = read_cutouts(tmp_path / "r.mp4")[2]
    assert shown[hidden][:, :3].min() > 245
    behind = BackgroundLoader().file(tmp_path / name).picture(128, 96)
    assert behind[hidden].min() > 245


def test_videos_whose_alpha_is_opaque_are_ordinary_ones(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mov"), "w") as container:
        stream = container.add_stream("png", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "rgba"
        opaque = np.dstack([chart(), np.full((64, 96), 255, np.uint8)])
        container.mux([*stream.encode(av.VideoFrame.from_ndarray(opaque, format="rgba")), *stream.encode(None)])
    with VideoSource(str(tmp_path / "a.mov"), keep_alpha=True) as source:
        assert not source.info.alpha
        assert (next(iter(source)).image == chart()[..., ::-1]).all()


# -- metadata --------------------------------------------------------------------------------------

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d tiff:Orientation="6" dc:title="a title"/></x:xmpmeta>'


def exif_fields(tiff_block: bytes) -> dict[int, object]:
    """Return the fields of EXIF's first directories, by their tags (TIFF 6.0, section 2)."""
    order = "<" if tiff_block[:2] == b"II" else ">"
    fields: dict[int, object] = {}

    def read(at: int) -> int:
        (count,) = struct.unpack_from(order + "H", tiff_block, at)
        for number in range(count):
            tag, kind, length, value = struct.unpack_from(order + "HHII", tiff_block, at + 2 + 12 * number)
            short = struct.unpack_from(order + "H", tiff_block, at + 2 + 12 * number + 8)[0]
            if tag in (0x8769, 0x8825):
                read(value)
            elif kind == 2:
                start = value if length > 4 else at + 2 + 12 * number + 8
                fields[tag] = tiff_block[start : start + length].rstrip(b"\0")
            else:
                fields[tag] = short if kind == 3 else value
        return struct.unpack_from(order + "I", tiff_block, at + 2 + 12 * count)[0]

    fields["next"] = read(struct.unpack_from(order + "I", tiff_block, 4)[0])
    return fields


def photo_with_metadata(portrait: np.ndarray) -> bytes:
    """Return a JPEG, turned, with camera, place, thumbnail, XMP and 300 dpi, put together by hand."""
    jpeg = cv2.imencode(".jpg", portrait[:64, :96])[1].tobytes()
    first = [(0x010F, 2, 4, b"Cam\0"), (0x0112, 3, 1, struct.pack("<HH", 6, 0))]
    gps = [(0x0001, 2, 2, b"N\0\0\0"), (0x0012, 2, 4, b"WGS\0")]
    camera = [(0xA001, 3, 1, struct.pack("<HH", 65535, 0)), (0xA002, 4, 1, struct.pack("<I", 96))]
    start = 8 + 2 + 12 * 4 + 4
    first += [(0x8769, 4, 1, struct.pack("<I", start)), (0x8825, 4, 1, struct.pack("<I", start + 30))]
    block = b"II*\0\x08\0\0\0"
    for fields, following in ((first, start + 60), (camera, 0), (gps, 0)):
        block += struct.pack("<H", len(fields))
        block += b"".join(struct.pack("<HHI", *field[:3]) + field[3] for field in fields)
        block += struct.pack("<I", following)
    small = cv2.imencode(".jpg", portrait[:16, :16])[1].tobytes()
    at = len(block) + 2 + 24 + 4
    thumbnail = struct.pack("<HHHIIHHIII", 2, 0x0201, 4, 1, at, 0x0202, 4, 1, len(small), 0)
    exif = b"Exif\0\0" + block + thumbnail + small
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + XMP
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part for part in (exif, xmp))
    jfif = b"\xff\xe0" + struct.pack(">H5sHBHHBB", 16, b"JFIF\0", 0x0101, 1, 300, 300, 0, 0)
    return jpeg[:2] + jfif + segments + jpeg[jpeg.index(b"\xff\xdb") :]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
def test_metadata_are_kept_and_put_right_or_left_out(
    run_main, tmp_path: Path, portrait: np.ndarray, suffix: str
) -> None:
    (tmp_path / "in.jpg").write_bytes(photo_with_metadata(portrait))
    assert run_main("in.jpg", UNTOUCHED, "--output", f"kept{suffix}").code == 0
    data = (tmp_path / f"kept{suffix}").read_bytes()
    start = max(data.find(b"II*\0"), data.find(b"MM\0*"))
    fields = exif_fields(data[start:])
    assert (fields[0x010F], fields[0x0112], fields[0x0012]) == (b"Cam", 1, b"WGS")
    assert (fields[0xA001], fields[0xA002], fields[0xA003], fields["next"]) == (1, 64, 96, 0)
    assert XMP.replace(b'"6"', b'"1"') in data
    density = {".jpg": b"\x01" + struct.pack(">HH", 300, 300), ".png": struct.pack(">IIB", 11811, 11811, 1)}
    assert density.get(suffix, b"") in data
    assert read_image(str(tmp_path / f"kept{suffix}")).shape == (96, 64, 3)
    assert run_main("in.jpg", UNTOUCHED, "--metadata", "none", "--output", f"bare{suffix}").code == 0
    bare = (tmp_path / f"bare{suffix}").read_bytes()
    assert not any(word in bare for word in (b"WGS", b"Cam", b"xmpmeta"))
    assert difference(read_image(str(tmp_path / f"bare{suffix}")), read_image(str(tmp_path / f"kept{suffix}"))) < 0.5


def test_what_describes_other_pictures_of_the_source_is_left_out(tmp_path: Path) -> None:
    for xmp, kept in (
        (b'<x:xmpmeta><d hdrgm:Version="1.0"/></x:xmpmeta>', b""),
        (b"<x:xmpmeta><xmp:Thumbnails>AAAA</xmp:Thumbnails>rest</x:xmpmeta>", b"<x:xmpmeta>rest</x:xmpmeta>"),
    ):
        Image.fromarray(chart()).save(tmp_path / "a.jpg", xmp=xmp)
        assert read_picture(str(tmp_path / "a.jpg")).metadata.xmp == kept


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_tags_of_a_telephone_are_kept_or_left_out(run_main, tmp_path: Path, suffix: str) -> None:
    place = "+52.5200+013.4050+034.0/"
    with av.open(str(tmp_path / "in.mov"), "w", options={"movflags": "use_metadata_tags"}) as container:
        container.metadata["com.apple.quicktime.location.ISO6709"] = place
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(chart(), format="rgb24")))
        container.mux(stream.encode(None))
    for choice, expected in (((), place), (("--metadata", "none"), None)):
        assert run_main("in.mov", UNTOUCHED, *choice, "--output", f"r{suffix}").code == 0
        with av.open(str(tmp_path / f"r{suffix}")) as container:
            assert container.metadata.get("com.apple.quicktime.location.ISO6709") == expected
        assert (place.encode() in (tmp_path / f"r{suffix}").read_bytes()) == bool(expected)


# -- several pictures in a file --------------------------------------------------------------------


def test_a_note_says_that_only_the_first_of_several_pictures_is_used(run_main, tmp_path: Path) -> None:
    first, second = Image.fromarray(chart()), Image.fromarray(255 - chart())
    for name in ("pages.tif", "moving.webp", "moving.png"):
        first.save(tmp_path / name, save_all=True, append_images=[second, first])
        kind = () if name == "pages.tif" else ("--image",)  # animations are videos unless the user says otherwise
        outcome = run_main(*kind, name, UNTOUCHED, "--output", "r.png")
        assert (outcome.code, outcome.err) == (0, f"note: {name}: it has 3 pictures; only the first is used\n")
        assert difference(cv2.imread(str(tmp_path / "r.png")), chart()[..., ::-1]) < 12
    small = first.resize((12, 8))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    first.save(tmp_path / "thumbnail.tif", save_all=True, append_images=[small])
    assert run_main("thumbnail.tif", UNTOUCHED, "--output", "r.png").err == ""
