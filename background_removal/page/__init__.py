"""The page in the browser and its HTTP interface: a source and a sink of the engine like others."""
