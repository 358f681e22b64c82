"""rest_source measured side by side with dlt and with the physical floor; `python -m benchmarks --help`."""
