"""How notebooks run: one by one, in sweeps, here or on a cluster.

One file each::

    notebook       one notebook, with checked parameters (papermill)
    sweep_file     a sweep file, read and checked
    plan           the runs of a sweep, what they depend on, and the plan on disk
    run_state      one run: done, failed or open
    check          what is checked before a sweep starts
    run_process    one run in a process of its own
    local          the runs of a sweep on this machine
    dask_cluster   the runs of a sweep on a Dask cluster
    display        progress on a terminal
    tour           the sweep of all notebooks
    shards         exact hashing learned from many files
"""
