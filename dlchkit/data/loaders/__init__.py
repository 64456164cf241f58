"""Readers of the forms in which image-text pairs lie on disk, one file per form.

`dlchkit.data.catalog.load` finds the form and calls the reader; the cards in ``datasets/`` describe the data sets and
where to get them. Every reader returns a `dlchkit.data.PairedDataset`, lists the rows it left out, and refuses data
that do not fit with a `DataError` of one line.
"""
