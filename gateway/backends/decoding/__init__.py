"""What every backend needs that works on decoded requests, around a smaller contract in REST JSON (``source.Source``).

*Source*: who has the documents. It describes its indices, and answers searches and gets of indices that are named one by one.
*Target*: one index of a request, with the queries that a document must match besides.
``description`` makes of what the source describes a cluster without documents, by which names are authorized and resolved, and which
answers all that is about names and mappings. ``bodies`` and ``queries`` decide what a source may be asked, under the rules of the
Grant; ``answers`` takes nothing from a source that the Grant does not allow. ``backend`` puts them together.
"""
