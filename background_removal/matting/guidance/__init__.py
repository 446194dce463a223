"""What the user knows of a scene and networks cannot: steps that change the matte of a frame."""
