"""Tables in files: what they are (``inspection.inspect``), whether they fit (``reading.check``), their rows
(``reading.read_chunks``). Shapes and refusals are in ``plan``, types in ``types``, keys in ``keys``.

Path in, proposals, typed rows and errors out; no database, no screens. The only package that imports DuckDB, and only
``judge`` does, so that the web process does not load it for an inspection.
"""
