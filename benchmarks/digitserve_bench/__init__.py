"""`make bench`: the servers measured against the floors of the machine, in one run.

`rounds` says what is measured in which order; `targets` starts what is measured, `h2load`, `generator`,
`streaming` and `python_client` load it, `floors` is what the arithmetic alone would give; `report`, `reach`
and `plot` say what came out. benchmarks/README.md has the method.
"""
