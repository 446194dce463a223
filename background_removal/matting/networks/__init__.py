"""Neural networks: weights, sessions, segmenters, face detection."""
