"""Live streams: cameras, microphones, the window and its keys, recordings, the virtual camera."""
