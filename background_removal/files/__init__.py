"""Everything that reads or writes files: images, videos and their sound, colours, and where results go."""
