"""Documents that customers order: pure of database and network."""
