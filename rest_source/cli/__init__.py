"""The command line: `rest-source`."""
