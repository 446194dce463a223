"""Tracking: detect people in a stream and keep a crop around each of them."""
