"""Recordings and snapshots of a live stream."""
