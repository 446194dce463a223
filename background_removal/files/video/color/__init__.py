"""Exact conversion between a codec's YUV and BGR, by the stream's colour description."""
