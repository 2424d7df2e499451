"""Lucene's regular expressions and wildcards, which roles, queries and aggregations share, and its string distances.

``languages``: sets of words with union, intersection and complement; ``regexp``: the parser; ``automaton``: matching word by word and the
questions whether a language is empty or part of another; ``terms``: matching all terms of a dictionary at once;
``string_distances``: how alike two words are.
"""
