"""The speed of the kit on this machine.

`ranking` compares tie-aware mAP with the field's loop, `search` compares an index with plain FAISS, and
`increment` compares an increment of exact hashing at growing numbers of old items. `scale` extrapolates from
their measurements. `commands` puts all four on the command line and imports them when a command runs.
"""
