"""The demo company: an invented customer base with ninety days of history, the same for everybody who loads it.

``dice`` holds chance, ``names`` the names; ``staff``, ``customers``, ``trade``, ``documents`` and ``datasets`` make the
parts, each telling ``history`` what staff did; ``company`` puts them together, ``writer`` and ``loading`` write them.
"""
