"""What the kit costs here, measured: `ranking` beside the field's loop, `search` beside plain FAISS, `increment`
beside ever more old items, `scale` worked out from both, and `kills`, what is left of files after SIGKILL.

`commands` puts them on the command line; nothing heavy is imported before a command runs.
"""
