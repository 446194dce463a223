"""Files that are often tried though they are neither images nor videos, each with what to convert it to."""

from __future__ import annotations

import codecs
import os
import re
from pathlib import Path

from background_removal.errors import InputError

# Size of the file head that is read, bytes; an SVG may begin with comments.
_HEAD_BYTES = 4096
# First bytes of raw data of cameras: Canon (CRW, CR3), Fujifilm, Olympus, Panasonic, Sigma, Minolta; from their files'
# descriptions in libraw. Others are TIFFs, known by their suffixes only.
_RAW_MAGIC = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM", b"II\x1a\0\0\0HEAPCCDR")
# Suffixes of raw data in TIFF's form: Adobe and phones, Canon, Nikon, Sony, Pentax, Samsung, Epson, Hasselblad.
_RAW_SUFFIXES = (".dng", ".cr2", ".nef", ".nrw", ".arw", ".sr2", ".pef", ".srw", ".erf", ".3fr")
_TIFF_MAGIC = (b"II*\0", b"MM\0*")

_RAW = "is the raw data of a camera; develop it to JPEG or TIFF first, for instance with darktable or RawTherapee"
_PDF = "is a PDF document; convert the page to PNG first, for instance by: pdftoppm -png -r 150 FILE page"
_SVG = "is an SVG drawing; export it as PNG first, for instance by: inkscape --export-type=png FILE"
_PSD = "is a Photoshop document; export it as PNG or TIFF first"
_EPS = "is a PostScript document; convert it to PNG first, for instance with Ghostscript"
_HTML = "is a web page, not the picture or video on it; download that itself"
_ZIP = "is a ZIP archive or an office document; unpack it, or export its pictures, first"


def check_not_foreign(path: str, name: str = "") -> None:
    """Raise InputError if a file is of a known kind that is neither an image nor a video.

    Args:
        path: A local file; one that cannot be read is left to the reader's error.
        name: Its name in messages, `path` if empty.
    """
    name = name or path
    remedy = _remedy(_read_head(path), os.path.splitext(name)[1].lower())
    if remedy:
        raise InputError(f"{name}: {remedy.replace('FILE', os.path.basename(name))}")


def is_text(path: str) -> bool:
    """Return whether a local file begins as plain text, in UTF-8."""
    head = _read_head(path)
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(text) and all(char.isprintable() or char.isspace() for char in text)


def _remedy(head: bytes, suffix: str) -> str:
    """Return why a file with these first bytes is no image or video, and what to do; "" for any other file."""
    if head.startswith(_RAW_MAGIC) or head[4:11] == b"ftypcrx":
        return _RAW
    if head.startswith(_TIFF_MAGIC) and (suffix in _RAW_SUFFIXES or head[8:10] == b"CR"):  # Canon's CR2
        return _RAW
    if b"%PDF-" in head[:1024]:  # where Adobe's reader looks for it
        return _PDF
    if head.startswith(b"PK\x03\x04"):
        return _ZIP
    if head.startswith(b"8BPS"):
        return _PSD
    if head.startswith((b"%!PS", b"\xc5\xd0\xd3\xc6")):
        return _EPS
    markup = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if markup.startswith((b"<!doctype html", b"<html")):
        return _HTML
    return _SVG if markup.startswith(b"<") and re.search(rb"<svg[\s>]", markup) else ""


def _read_head(path: str) -> bytes:
    if not os.path.isfile(path):  # reading a pipe would block
        return b""
    try:
        with Path(path).open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError:
        return b""
