"""The window with the result, and its overlay."""
