"""The pieces of which a record's page is made."""
