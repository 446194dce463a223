"""Video files: decoding, encoding, sound, timing, containers."""
