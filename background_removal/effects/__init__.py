"""Effects known from meeting programs, as custom objects for --object and `custom_objects`."""
