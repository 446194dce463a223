"""Frames, the contracts of sources, custom objects and sinks, and the loop that connects them."""
