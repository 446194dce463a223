"""Local and network cameras."""
