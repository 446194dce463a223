"""The command line: options, the settings file, checks, building objects, one file, many, and several processes."""
