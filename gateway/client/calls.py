"""The calls of a local cluster in the form of REST: parameters of the URL by name, bodies and answers as Elasticsearch has them.

Index expressions are ``alias:name``, in a list or with commas between. All raise ElasticsearchException.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import trio

from protocol.errors import ElasticsearchException
from protocol.exceptions.rest import rest_error
from protocol.messages.common import Request
from protocol.messages.contexts import CLEAR_SCROLL, CLOSE_POINT_IN_TIME, OPEN_POINT_IN_TIME, SCROLL
from protocol.messages.field_caps import FIELD_CAPS
from protocol.messages.get import GET
from protocol.messages.resolve import RESOLVE_CLUSTER, RESOLVE_INDEX
from protocol.messages.search_request import SEARCH
from protocol.messages.search_response import SearchResponse
from protocol.messages.terms_enum import TERMS_ENUM
from protocol.rest import FORMS, Call, count_call, render_count
from protocol.schema import Message

Json = dict[str, Any]
Body = Mapping[str, Any] | str | bytes
Indices = str | Sequence[str]
Parameter = str | bool | int

MAX_CONCURRENT_SEARCHES = 10
"""Searches of one ``msearch`` that run at once."""
PAGE = 1_000
"""Hits of a page that ``scan`` asks for."""
CLOSE_SECONDS = 10.0
"""How long closing a point in time may take when nobody waits for it any more."""


class Calls(ABC):
    """``execute`` and ``by_cluster`` are for the local cluster to say."""

    @abstractmethod
    async def execute(self, user: str, action: str, request: Request) -> Message:
        """The answer to a request of that user. Raises ElasticsearchException."""

    async def search(self, user: str, indices: Indices = (), body: Body = b"", **params: Parameter) -> Json:
        """``POST /{indices}/_search``; without indices where the body has a ``pit``. Hits and aggregations of several clusters are merged;
        ``_clusters`` tells what became of each, also of one that was skipped. The id of a scroll or a point in time is good for this
        local cluster's aliases only."""
        return await self._call(user, SEARCH, indices, body, params)

    async def count(self, user: str, indices: Indices, body: Body = b"", **params: Parameter) -> Json:
        """``POST /{indices}/_count``."""
        call = count_call(Call(_names(indices), params, body))
        response = await self.execute(user, SEARCH, FORMS[SEARCH].request(call))
        assert isinstance(response, SearchResponse)  # noqa: S101 - what a search answers
        return render_count(response, params)

    async def msearch(self, user: str, searches: Sequence[tuple[Mapping[str, Any], Body]], **params: Parameter) -> Json:
        """``POST /_msearch``: each search is a header (``index``, and parameters of the URL) and a body. One that fails has its
        ``error`` in its place."""
        begun = trio.current_time()
        answers: list[Json] = [{}] * len(searches)
        room = trio.CapacityLimiter(MAX_CONCURRENT_SEARCHES)

        async def run(place: int, header: Mapping[str, Any], body: Body) -> None:
            own = {name: value for name, value in header.items() if name != "index"}
            async with room:
                try:
                    answers[place] = await self.search(user, header.get("index", ()), body, **{**params, **own})
                    answers[place]["status"] = 200
                except ElasticsearchException as error:
                    answers[place] = rest_error(error)

        async with trio.open_nursery() as nursery:
            for place, (header, body) in enumerate(searches):
                nursery.start_soon(run, place, header, body)
        return {"took": int((trio.current_time() - begun) * 1000), "responses": answers}

    async def field_caps(self, user: str, indices: Indices, body: Body = b"", **params: Parameter) -> Json:
        """``POST /{indices}/_field_caps``, merged over all clusters."""
        return await self._call(user, FIELD_CAPS, indices, body, params)

    async def resolve_index(self, user: str, names: Indices, **params: Parameter) -> Json:
        """``GET /_resolve/index/{names}``."""
        return await self._call(user, RESOLVE_INDEX, names, b"", params)

    async def resolve_cluster(self, user: str, names: Indices = (), **params: Parameter) -> Json:
        """``GET /_resolve/cluster/{names}``; without names, of all remote clusters."""
        return await self._call(user, RESOLVE_CLUSTER, names, b"", params)

    async def get(self, user: str, index: str, document: str, **params: Parameter) -> Json:
        """``GET /{index}/_doc/{document}``, which a node does for its own indices only."""
        return await self._call(user, GET, [index], b"", params, document)

    async def terms_enum(self, user: str, indices: Indices, body: Body, **params: Parameter) -> Json:
        """``POST /{indices}/_terms_enum``."""
        return await self._call(user, TERMS_ENUM, indices, body, params)

    async def open_point_in_time(
        self, user: str, indices: Indices, keep_alive: str, body: Body = b"", **params: Parameter
    ) -> Json:
        """``POST /{indices}/_pit``, of one remote cluster; the ``id`` is for the ``pit`` of searches."""
        return await self._call(user, OPEN_POINT_IN_TIME, indices, body, {"keep_alive": keep_alive, **params})

    async def close_point_in_time(self, user: str, pit: str) -> Json:
        """``DELETE /_pit``."""
        return await self._call(user, CLOSE_POINT_IN_TIME, (), {"id": pit}, {})

    async def scroll(self, user: str, scroll_id: str, keep: str | None = None, **params: Parameter) -> Json:
        """``POST /_search/scroll``: the next page of a search that had ``scroll`` among its parameters; ``keep`` as ``1m``."""
        body = {"scroll_id": scroll_id, **({} if keep is None else {"scroll": keep})}
        return await self._call(user, SCROLL, (), body, params)

    async def clear_scroll(self, user: str, scroll_ids: Sequence[str]) -> Json:
        """``DELETE /_search/scroll``."""
        return await self._call(user, CLEAR_SCROLL, (), {"scroll_id": list(scroll_ids)}, {})

    async def scan(
        self, user: str, indices: Indices, body: Mapping[str, Any] | None = None, *, page: int = PAGE, keep_alive: str = "1m"
    ) -> AsyncGenerator[Json, None]:
        """All hits of a search, page by page over a point in time of each expression's cluster, which is closed at the end.

        The order is that of ``sort`` within a cluster; one cluster comes after the other. Who leaves the loop early should have it within
        ``contextlib.aclosing``, so that the points in time are closed at once.
        """
        for names in self.by_cluster(_names(indices)):
            async with aclosing(self._pages(user, names, body or {}, page, keep_alive)) as hits:
                async for hit in hits:
                    yield hit

    @abstractmethod
    def by_cluster(self, expressions: Sequence[str]) -> list[list[str]]:
        """The expressions of each remote cluster, with its alias."""

    async def _pages(
        self, user: str, indices: Sequence[str], body: Mapping[str, Any], page: int, keep_alive: str
    ) -> AsyncGenerator[Json, None]:
        opened = await self.open_point_in_time(user, indices, keep_alive)
        pit: str = opened["id"]
        try:
            asked = {"size": page, "track_total_hits": False, "sort": [{"_shard_doc": "asc"}], **body}
            while True:
                answer = await self.search(user, (), {**asked, "pit": {"id": pit, "keep_alive": keep_alive}})
                pit = answer.get("pit_id", pit)
                hits = answer["hits"]["hits"]
                for hit in hits:
                    yield hit
                if len(hits) < asked["size"]:
                    break
                asked["search_after"] = hits[-1]["sort"]
        finally:
            with trio.move_on_after(CLOSE_SECONDS, shield=True):
                await self._close(user, pit)

    async def _close(self, user: str, pit: str) -> None:
        try:
            await self.close_point_in_time(user, pit)
        except ElasticsearchException:
            return  # it ends by itself when it is not used

    async def _call(
        self, user: str, action: str, indices: Indices, body: Body, params: Mapping[str, Parameter], document: str | None = None
    ) -> Json:
        form = FORMS[action]
        response = await self.execute(user, action, form.request(Call(_names(indices), params, body, document)))
        return form.show(response, params)


def _names(indices: Indices) -> list[str]:
    return [name for name in indices.split(",") if name] if isinstance(indices, str) else list(indices)
