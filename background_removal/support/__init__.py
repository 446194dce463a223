"""Helpers that belong to no stage of the pipeline: limits, CPU cores, stderr, text."""
