"""Making, reaching and migrating a database: the embedded one or somebody's own."""
