"""How notebooks run: one by one, in sweeps, here or on a cluster.

    notebook     one notebook with checked parameters (papermill, strict)
    sweep_file   a sweep file, read and checked
    plan         the runs of a sweep, and their state on disk
    check        what is looked at before a sweep starts
    worker       one run in a process of its own
    local        the runs of a sweep on this machine
    cluster      the same on a Dask cluster
    display      progress on a terminal
    tour         the sweep of all notebooks
    shards       exact hashing learned from many files
"""
