"""Custom objects that people know from meeting programs; each works with --object and in `custom_objects`."""
