"""The errors of a package, for tests that each of them stands in a table."""


def leaves(parent: type[Exception]) -> set[type[Exception]]:
    """The error classes that are raised: those without children."""
    children = parent.__subclasses__()
    return {leaf for child in children for leaf in leaves(child)} if children else {parent}
