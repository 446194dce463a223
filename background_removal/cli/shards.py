"""One of several equal shares of many files, for computers that know nothing of each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from heapq import heapify, heapreplace

from background_removal.cli.many import BatchItem
from background_removal.errors import InputError


def parse_shard(text: str) -> tuple[int, int]:
    """Return the number of a share, from 1, and of how many.

    Raises:
        InputError: `text` is not that.

    >>> parse_shard("2/8")
    (2, 8)
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    number, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= count:
        raise InputError(f"--shard {text}: must be a number and of how many, for instance 1/4, 2/4, 3/4 and 4/4")
    return number, count


def shard_of(jobs: Sequence[BatchItem], share: tuple[int, int], size_of: Callable[[str], int]) -> list[BatchItem]:
    """Return one share of `jobs`, in their order.

    The largest file first, each goes to the share that has least until then (Graham's rule, 1969: no share is larger
    than 4/3 of the best that there is). Who sees the same files finds the same shares, whatever has been done already.

    Args:
        jobs: All of them.
        share: Which one, as `parse_shard` returns it.
        size_of: Returns the size of a file in bytes.
    """
    number, count = share
    shares = [(0, index) for index in range(count)]
    heapify(shares)
    mine: set[str] = set()
    for size, path in sorted(((size_of(job.path), job.path) for job in jobs), key=lambda item: (-item[0], item[1])):
        total, index = shares[0]
        # An empty file, or one of unknown size, is some work, too.
        heapreplace(shares, (total + max(1, size), index))
        if index == number - 1:
            mine.add(path)
    return [job for job in jobs if job.path in mine]
