"""From an endpoint to its records on disk: requests, pages, paging, records, the spool."""
