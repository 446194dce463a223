"""Browser page and its HTTP interface, as a source and a sink of the engine."""
