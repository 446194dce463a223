"""Frames, and the contracts of sources, custom objects and sinks."""
