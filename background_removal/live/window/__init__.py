"""The window with the result, and what is drawn over it."""
