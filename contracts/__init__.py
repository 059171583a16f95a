"""What an event is, what a table is, and where things live: declared once, everything else derived.

This is the lowest layer: it imports nothing of ours and nothing heavy.
"""
