"""Readers of the forms in which image-text pairs lie on disk, one file per form.

`dlchkit.data.catalog.load` finds the form and calls the reader; what a data set is and where
to get it stands in the cards in ``datasets/``. Every reader returns a
`dlchkit.data.PairedDataset`, lists what it left out, and refuses what does not fit with a
`DataError` of one line.
"""
