"""The YAML file as frozen models; knows nothing else of this package."""
