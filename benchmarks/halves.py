"""The pictures with known alpha, cut in two: one half to choose constants on, the other to report figures on.

A constant that is chosen on the pictures it is reported on looks better than it is. Items that this list does not name,
for instance pictures of your own, belong to the reporting half: nothing was chosen on them.
"""

from __future__ import annotations

from typing import Literal

Half = Literal["choose", "report"]
HALVES: tuple[Half, Half] = ("choose", "report")

# Items of the choosing half, by folder and name, with the number of frames from the start that belong to it; 0 is all.
# Clips of real footage are cut in the middle, since there are two; of the other sets, every second item.
_CHOOSING = {
    "groundtruth/dancer_park": 0,
    "groundtruth/portrait_porch": 45,
    "groundtruth/stills/ck2": 0,
    "groundtruth_harder/entering": 0,
    "groundtruth_harder/two_dancers": 0,
    "groundtruth_real/dance-twirl": 45,
    "groundtruth_real/parkour": 50,
    "groundtruth_real/stills/ormbg_training_p_00a4eda7": 0,
    "groundtruth_real/stills/ormbg_validation_p_00a7a27c": 0,
    "groundtruth_real/stills/p3m_01": 0,
    "groundtruth_real/stills/p3m_03": 0,
    "groundtruth_real/stills/p3m_05": 0,
}


def half_of(item: str, frame: int = 0) -> Half:
    """Return the half that a frame of an item belongs to.

    Args:
        item: Folder and name, as "groundtruth/dancer_park" or "groundtruth_real/stills/p3m_01".
        frame: Index of the frame; 0 for a photo.

    >>> half_of("groundtruth_real/parkour", 49), half_of("groundtruth_real/parkour", 50), half_of("mine/holiday")
    ('choose', 'report', 'report')
    """
    frames = _CHOOSING.get(item)
    if frames is None:
        return "report"
    return "report" if 0 < frames <= frame else "choose"


def parts(item: str, frames: int) -> dict[Half, range]:
    """Return the frames of a clip by half; a half without frames is left out.

    >>> parts("groundtruth/portrait_porch", 78)
    {'choose': range(0, 45), 'report': range(45, 78)}
    """
    cut = _CHOOSING.get(item, -1)
    end = {-1: 0, 0: frames}.get(cut, min(cut, frames))
    return {half: part for half, part in zip(HALVES, (range(end), range(end, frames)), strict=True) if part}
