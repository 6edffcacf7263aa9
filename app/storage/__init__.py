"""Files of the data folder: the only place that makes their names."""
