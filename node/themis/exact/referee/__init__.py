"""The referee: whether one element of a claimed trace follows from the others, looking at no more than that takes.

It is the specification of a referee that a chain runs: each operator, element by element, with all that is opened
counted. `case.py` says what it sees, `judge.py` what it rules on. The families of operators are `moves.py`,
`pointwise.py`, `reductions.py`, `products.py` and `order.py`; types and shapes are `shapes.py`.
"""
