"""The best matte: of a photo and of a video file's frames, from several networks, solved at full size."""
