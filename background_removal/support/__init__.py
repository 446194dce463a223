"""Helpers for all stages of the pipeline: limits, CPU cores, threads, stderr, text."""
