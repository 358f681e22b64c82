-- Dagster's storage and the tables are apart: they are backed up, sized and upgraded for different reasons.
CREATE DATABASE warehouse;
