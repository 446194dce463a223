"""Keys, actions, and the local control interface."""
