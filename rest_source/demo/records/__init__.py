"""The records that the demo API serves: fictional, a module for each of its areas."""
