"""One file per outside system; the only importer of its library."""
