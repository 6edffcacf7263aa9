"""The list: typed columns, filters, pages, selection."""
