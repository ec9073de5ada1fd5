"""Self-optimization: a node analyzes its own traffic, plans a change, measures it, and keeps or discards it.

Each round is one record of the journal (journal.py), which is all the memory there is: killed at any moment, the loop
goes on where it was, and the node runs what the journal says. A change is kept when it gives the same bits on the
golden set and on all recorded traffic (gate.py) and is faster with confidence (evidence.py, paired.py). Why: ADR 14.
"""
