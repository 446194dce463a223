"""Find the files that paths, patterns and folders name."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Callable, Iterator, Sequence

from background_removal.errors import InputNotFoundError
from background_removal.files import storage
from background_removal.files.kinds import IMAGE_SUFFIXES, VIDEO_SUFFIXES, detect_kind
from background_removal.files.saving.unfinished import is_incomplete_name

log = logging.getLogger(__name__)

SUFFIXES = (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES)

# End of the names of results that are written beside their sources.
RESULT_TAG = "_out"

# Called with a path, the kind of path it stands for, and why paths of this kind are left out.
OnSkipped = Callable[[str, str, str], object]


def is_many(paths: Sequence[str]) -> bool:
    """Return whether `paths` may name more than one file: several paths, a pattern or a folder."""
    return len(paths) > 1 or any(_is_pattern(path) or storage.is_folder(path) for path in paths)


def find_files(
    paths: Sequence[str], suffixes: Sequence[str], recursive: bool, results: str = ""
) -> list[tuple[str, str]]:
    """Return the files that `paths` name: files, patterns such as ``clips/*.mp4``, and folders.

    Args:
        paths: What the user gave.
        suffixes: Suffixes of the files to take from folders, in lower case. A file without a suffix is taken if its
            content is of such a kind.
        recursive: Whether to search folders inside folders.
        results: Folder of the results; it is not searched if it lies inside a given folder.

    Returns:
        Each file once, in order, with its folder relative to the given folder, "" otherwise.

    Raises:
        InputNotFoundError: a path or pattern names nothing that exists.
    """
    found: dict[str, str] = {}
    for path in _without_listed_results(paths):
        if _is_pattern(path):
            matches = sorted(file for file in glob.glob(path, recursive=True) if os.path.isfile(file))
            files = _without_results([(file, "") for file in matches])
        elif not storage.is_remote(path) and os.path.isdir(path):
            inside = [(entry.path, inner) for entry, inner in scan_folder(path, suffixes, recursive, results)]
            files = _without_results(inside)
        elif storage.is_folder(path):
            remote = [file for file in storage.list_files(path) if _suffix(file) in suffixes]
            files = _without_results([(file, "") for file in remote])
        else:
            files = [(path, "")]
        if not files:
            kinds = f"is a folder without any {', '.join(suffixes)}"
            raise InputNotFoundError(f"{path}: {'no such file' if _is_pattern(path) else kinds}")
        for file, folder in files:
            found.setdefault(file, folder)
    return list(found.items())


def scan_folder(
    folder: str,
    suffixes: Sequence[str],
    recursive: bool,
    results: str,
    on_skipped: OnSkipped = lambda path, kind, why: None,
) -> Iterator[tuple[os.DirEntry[str], str]]:
    """Yield the files in a local folder in the order of their names, each with its folder relative to that one.

    Hidden and incomplete files are left out without a word; other files and folders go to `on_skipped`.
    """
    left_out = os.path.realpath(results) if results else ""

    def scan(place: str, inner: str) -> Iterator[tuple[os.DirEntry[str], str]]:
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError:  # removed meanwhile, or unreadable
            return
        entries = [entry for entry in entries if not (entry.name.startswith(".") or is_incomplete_name(entry.name))]
        for entry in entries:
            if entry.is_dir():
                if not recursive and os.path.realpath(entry.path) != left_out:
                    on_skipped(entry.path, "folder", "--recursive looks into them")
            elif _is_wanted(entry.path, suffixes):
                yield entry, inner
            else:
                kind = _suffix(entry.name) or "file without a suffix"
                on_skipped(entry.path, kind, "it is neither an image nor a video")
        for entry in entries:
            if recursive and entry.is_dir(follow_symlinks=False) and os.path.realpath(entry.path) != left_out:
                yield from scan(entry.path, os.path.join(inner, entry.name))

    return scan(folder, "")


def source_stem(path: str) -> str:
    """Return the path, without suffix, of the source whose result `path` is by its name; "" if it is no result."""
    stem = os.path.splitext(path)[0]
    return stem.removesuffix(RESULT_TAG) if stem.endswith(RESULT_TAG) else ""


def _is_wanted(path: str, suffixes: Sequence[str]) -> bool:
    suffix = _suffix(path)
    if suffix:
        return suffix in suffixes
    # Unknown suffixes are left out: cameras put thumbnails, previews and raw data beside their pictures.
    usual = {"image": IMAGE_SUFFIXES[0], "video": VIDEO_SUFFIXES[0], None: ""}[detect_kind(path)]
    return usual in suffixes


def _without_results(files: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the files that are not named as the result of another one."""
    sources = {os.path.splitext(path)[0] for path, _ in files}
    kept = []
    for path, folder in files:
        source = source_stem(path)
        if is_incomplete_name(path) or (source and (source in sources or _source_exists(source))):
            log.info("%s: left out, it is named as a result", path)
        else:
            kept.append((path, folder))
    return kept


def _without_listed_results(paths: Sequence[str]) -> list[str]:
    """Return what the user gave without results of other files in it, which a shell's pattern matches as well."""
    stems = {os.path.splitext(path)[0] for path in paths}
    kept = []
    for path in paths:
        if source_stem(path) in stems and not _is_pattern(path) and not os.path.isdir(path):
            log.info("%s: left out, it is named as a result", path)
        else:
            kept.append(path)
    return kept


def _source_exists(stem: str) -> bool:
    return any(_suffix(file) in SUFFIXES for file in glob.glob(f"{glob.escape(stem)}.*"))


def _is_pattern(path: str) -> bool:
    return glob.has_magic(path) and not storage.is_remote(path) and not os.path.exists(path)


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()
