"""Write results atomically, or so that a killed run leaves a playable file."""
