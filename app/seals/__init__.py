"""The tamper evidence of the audit log: entries are sealed in batches; each seal is chained to the last, and signed.

- ``leaves``: what of an entry is sealed, to the byte.
- ``chain``: what a seal says, and what of it is signed.
- ``keys``: who seals, and whose seals are believed.
- ``sealing``: takes what is certain, each entry once.
- ``verifying``: finds what does not fit, and names it. ``damage`` has the words.
- ``guards``: whether triggers, policies, rights and functions are what the migrations made.
- ``checkpoints``: signed marks outside the database, which a log that was cut cannot deny.
- ``exporting``: files that prove themselves, and ``reading`` them without a database.
- ``partitions``: the months that entries are kept by.
- ``command``: ``quarterdeck audit …``.
"""
