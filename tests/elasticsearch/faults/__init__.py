"""What goes wrong around a relay with real upstream nodes: they die, freeze, and get lost; so do clients; keys and certificates change.

The nodes are this package's own, and it runs by itself: with the nodes of the other tests there would be more than a machine can take.
"""
