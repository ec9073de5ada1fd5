"""Games about wrong answers: what a challenger and a guarantor do next, given what is opened; openings; who plays.

`tree.py` is what has been seen of a tree, `claim.py` of a trace, `search.py` finds the first thing that is wrong in it
and `proving.py` makes the proof. `showing.py` is the other side. None of these knows a chain.
"""
