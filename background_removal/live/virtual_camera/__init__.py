"""The result as a camera for meeting programs."""
