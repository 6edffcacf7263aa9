"""Tables in files: what they are (:func:`inspect`), whether they fit (:func:`check`), their rows (:func:`read_chunks`).

Path in, proposals, typed rows and errors out; no database, no screens. The only package that imports DuckDB.
"""
