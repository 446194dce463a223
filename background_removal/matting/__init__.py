"""Matting: from a frame to the alpha of the people in it. Independent of files, cameras and windows."""
