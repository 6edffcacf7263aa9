"""Values of any product: money, names, addresses, periods. They know no database and nothing of this one."""
