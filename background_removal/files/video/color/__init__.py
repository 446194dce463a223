"""From a codec's YUV to BGR and back, exactly as the stream says that its colours are meant."""
