"""What the kit costs here, measured: `ranking` beside the field's loop, `search` beside plain FAISS, `scale` worked out from it.

`commands` puts them on the command line; nothing heavy is imported before a command runs.
"""
