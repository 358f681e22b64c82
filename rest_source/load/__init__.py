"""From a spool to a table: types, names, the stage, the destinations."""
