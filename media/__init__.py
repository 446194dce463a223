"""Frames in and out: sources, sinks, and the thread between them. Knows nothing of mattes."""
