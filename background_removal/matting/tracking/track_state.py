"""States of a tracked person, and the events that change them.

    detection or face           motion in an empty scene
           |                              |
           v          CONFIRMED           v
          NEW              +----------- TRIAL
           |  SHOWN        |
           v               v
         TRACKED <---------+
           |  ^
     EMPTY |  | SHOWN
           v  |
         MISSING

Any other event than these three leads to LOST, from any state; the person is then dropped.
"""

from __future__ import annotations

from enum import Enum


class TrackState(Enum):
    """State of a tracked person."""

    NEW = "found by a detection or a face, not yet in an alpha"
    TRIAL = "found by motion, to be confirmed by a detection or a face"
    TRACKED = "in the alpha of the last frame"
    MISSING = "not in the alpha of the last frame, kept for a few frames as the face is known"
    LOST = "to be dropped"


class TrackEvent(Enum):
    """Outcome of a frame for a tracked person."""

    SHOWN = "the alpha shows the person"
    CONFIRMED = "a face, or a detection of most of the person"
    EMPTY = "the alpha is empty, the face is known"
    # All others end the track.
    FACE_REFUTED = "no person in the box of a new face"
    CUT_OFF = "the person has left the crop, and no detection holds them"
    TRIAL_EXPIRED = "not confirmed in time"
    VANISHED = "the alpha is empty"
    STATIONARY = "the alpha lies beside the motion"
    UNDECIDED = "the alpha around the motion is no clear person"
    DUPLICATE = "the face is gone, and another person is there"


_TRANSITIONS = {
    (TrackState.NEW, TrackEvent.SHOWN): TrackState.TRACKED,
    (TrackState.TRIAL, TrackEvent.CONFIRMED): TrackState.TRACKED,
    (TrackState.TRACKED, TrackEvent.EMPTY): TrackState.MISSING,
    (TrackState.MISSING, TrackEvent.SHOWN): TrackState.TRACKED,
}
_LASTING = {TrackEvent.SHOWN, TrackEvent.CONFIRMED, TrackEvent.EMPTY}


def next_state(state: TrackState, event: TrackEvent) -> TrackState:
    """Return the state after an event."""
    if event not in _LASTING:
        return TrackState.LOST
    return _TRANSITIONS.get((state, event), state)
