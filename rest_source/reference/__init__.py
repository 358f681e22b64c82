"""The generated parts of the README: the tables of keys, what goes with what, and the troubleshooting table."""
