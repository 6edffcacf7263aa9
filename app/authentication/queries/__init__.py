"""What authentication asks the database: functions that take a ``login`` connection, before anybody is known."""
