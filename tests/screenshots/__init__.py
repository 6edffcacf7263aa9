"""Pictures of every screen and state, in light and dark, on a desktop and on a phone.

``python -m tests.screenshots [FOLDER]`` starts the product by itself, lets invented people work with it, and writes
``NAME-{light,dark}-{1440,390}.webp`` into the folder, ``docs/screens`` unless another one is named.
"""
