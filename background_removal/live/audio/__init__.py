"""Microphones, and the sound of recordings."""
