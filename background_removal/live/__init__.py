"""What happens while one looks: cameras, microphone, window and keys, recordings, the virtual camera."""
