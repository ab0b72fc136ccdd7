"""Pages of handwritten digits: which are there, where, and what strings they form.

`sheet` evens out the light and the `tilt`, sees it from above by its `corners`, and brings a `closeup` to
the size of a page; `heights` says how high digits are, `rules` takes out printed lines and boxes, `parts`
finds what hangs together and the rows it stands in, `cuts` parts what touches, `guesses` says which ink may
be a digit, `paths` chooses among the answers to those, `strings` puts digits in order, `pen` leaves out
what no pen wrote, and `reading` is the whole way.
Needs the extra `images`; the results, in `digitserve_client.page`, do not.
"""
