"""Read and write files: images, videos with their sound and colours, results."""
