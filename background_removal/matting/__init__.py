"""One image to one alpha to one picture. Knows nothing of files, cameras and windows."""
