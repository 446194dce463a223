"""Equal shares of many files, for computers that do not know of each other (``--shard``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from heapq import heapify, heapreplace

from background_removal.batch.items import BatchItem
from background_removal.errors import InputError


def parse_shard(text: str) -> tuple[int, int]:
    """Return the number of a shard, from 1, and the count of shards.

    Raises:
        InputError: `text` is something else.

    >>> parse_shard("2/8")
    (2, 8)
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    number, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= count:
        raise InputError(f"--shard {text}: must be a number and of how many, for instance 1/4, 2/4, 3/4 and 4/4")
    return number, count


def select_shard(items: Sequence[BatchItem], shard: tuple[int, int], size_of: Callable[[str], int]) -> list[BatchItem]:
    """Return the items of one shard, in their order.

    Largest file first, each goes to the shard with the least bytes so far (Graham's rule, 1969: no shard is larger than
    4/3 of the optimum). The result depends on the files alone, so that all computers find the same shards.

    Args:
        items: All items.
        shard: Number and count, as `parse_shard` returns them.
        size_of: Returns the size of a file in bytes.
    """
    number, count = shard
    shards = [(0, index) for index in range(count)]
    heapify(shards)
    mine: set[str] = set()
    for size, path in sorted(((size_of(item.path), item.path) for item in items), key=lambda pair: (-pair[0], pair[1])):
        total, index = shards[0]
        # An empty file, or one of unknown size, is some work, too.
        heapreplace(shards, (total + max(1, size), index))
        if index == number - 1:
            mine.add(path)
    return [item for item in items if item.path in mine]
