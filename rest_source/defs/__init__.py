"""The component files of this project, one folder per API."""
