"""Atomic results, and unfinished files that stay playable when a run is killed."""
