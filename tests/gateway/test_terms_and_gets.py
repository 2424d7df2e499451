"""Terms enumerations, gets and suggestions through the gateway: who may not see something learns nothing of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
import structlog.testing

from gateway.demo.documents import DemoIndex
from protocol.errors import ElasticsearchException
from protocol.messages.get import GET, GetRequest, GetResponse
from protocol.messages.suggestions import PhraseSuggestion, TermSuggestion
from protocol.messages.terms_enum import TERMS_ENUM, TermsEnumRequest, TermsEnumResponse
from protocol.versions import V_8_19
from tests.gateway.exported import Asking, Remote, exported

MAPPINGS = {
    "properties": {
        "team": {"type": "keyword"},
        "text": {"type": "text"},
        "secret": {"type": "keyword"},
        "notes": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
        "from": {"type": "ip"},
        "way": {"type": "alias", "path": "secret"},
        "parts": {"type": "nested", "properties": {"code": {"type": "keyword"}}},
    }
}
FIELDS = [*("team", "text", "secret", "notes", "notes.raw", "from", "way", "parts.code", "parts", "_id", "_index", "absent")]
HIDDEN = {"secret", "notes", "from", "parts"}
PUBLIC = ["team", "text", "way"]


def _document(number: int) -> dict[str, Any]:
    return {
        "team": "ab"[number % 2],
        "text": "a word for everybody",
        "secret": f"needle{number}",
        "notes": f"hidden needles {number}",
        "from": f"10.0.0.{number}",
        "parts": [{"code": f"code{number}"}],
    }


ALL = tuple((f"id{number}", _document(number)) for number in range(10))
STRIPPED = tuple((_id, {name: value for name, value in document.items() if name not in HIDDEN}) for _id, document in ALL)


def _indices(documents: Any, elsewhere: Any) -> list[DemoIndex]:
    body: dict[str, Any] = {"mappings": MAPPINGS, "settings": {}}
    return [
        DemoIndex("open", {**body, "aliases": {"both": {}, "one": {}}}, documents),
        DemoIndex("vault", {**body, "aliases": {"both": {}}}, elsewhere),
    ]


@pytest.fixture(scope="module")
def remotes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Remote]]:
    """One that has secrets, and one that never had those of the user below."""
    with (
        exported(tmp_path_factory.mktemp("secrets"), _indices(ALL, ALL)) as secrets,
        exported(tmp_path_factory.mktemp("fields"), _indices(STRIPPED, ())) as fields,
    ):
        yield {"secrets": secrets, "fields": fields}


@pytest.fixture(autouse=True)
def quiet(unconfigured_logs: None) -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def user(remote: Remote, *names: str, **rules: Any) -> Asking:
    entry = {"names": list(names or ("open",)), "privileges": ["read"], **rules}
    return remote.user(json.dumps({"r": {"indices": [entry]}}).encode())


def by_team(remote: Remote) -> Asking:
    return user(remote, query=json.dumps({"term": {"team": "a"}}))


def by_field(remote: Remote) -> Asking:
    return user(remote, field_security={"grant": PUBLIC})


def terms(who: Asking, *names: str, **asked: Any) -> TermsEnumResponse:
    payload = TermsEnumRequest(indices=list(names), **{"field": "secret", **asked}).encode(V_8_19)
    return TermsEnumResponse.decode(who.call(TERMS_ENUM, payload), V_8_19)


def get(who: Asking, index: str, id_: str, **asked: Any) -> GetResponse:
    return GetResponse.decode(who.call(GET, GetRequest(index=index, id=id_, **asked).encode(V_8_19)), V_8_19)


def refused(error: ElasticsearchException) -> tuple[str, str]:
    return error.type, str(error.reason)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("string", ["", "n", "needle1", "h", "10", "c"])
@pytest.mark.parametrize("folded", [False, True])
def test_no_terms_of_hidden_fields(remotes: dict[str, Remote], field: str, string: str, folded: bool) -> None:
    asked = {"field": field, "string": string, "case_insensitive": folded}
    with_secrets, without = (terms(by_field(remotes[name]), "*", **asked) for name in ("secrets", "fields"))
    assert with_secrets == without
    assert not {"secret", "notes.raw", "from", "parts.code", "way"} & {field} or with_secrets.terms == []


def test_terms_of_shown_fields_and_of_those_who_see_all(remotes: dict[str, Remote]) -> None:
    assert terms(by_field(remotes["secrets"]), "*", field="team").terms == ["a", "b"]
    assert terms(user(remotes["secrets"]), "open", string="needle").terms == [f"needle{n}" for n in range(10)]


def test_no_terms_where_documents_are_hidden(remotes: dict[str, Remote]) -> None:
    found = terms(by_team(remotes["secrets"]), "open", field="team")
    assert found == TermsEnumResponse()
    assert terms(user(remotes["secrets"], query='{"match_all": {}}'), "open", field="team").terms == ["a", "b"]


def test_no_terms_of_other_indices(remotes: dict[str, Remote]) -> None:
    assert terms(user(remotes["secrets"]), "*").total_shards == 1
    for names in (["vault"], ["both"], ["open", "vault"]):
        with pytest.raises(ElasticsearchException) as caught:
            terms(user(remotes["secrets"]), *names)
        assert caught.value.type == "security_exception"


def test_a_hidden_document_is_not_found(remotes: dict[str, Remote]) -> None:
    who = by_team(remotes["secrets"])
    assert get(who, "open", "id0").exists
    assert get(who, "open", "id1") == GetResponse(index="open", id="id1")
    assert get(who, "open", "id1", version=7) == GetResponse(index="open", id="id1")
    assert get(user(remotes["secrets"]), "open", "id1").exists


def test_hidden_fields_are_not_got(remotes: dict[str, Remote]) -> None:
    for asked in (
        {},
        {"source": {"includes": ["*", "secret", "parts"]}},
        {"stored_fields": ["secret", "_source"]},
        {"realtime": False},
    ):
        found = get(by_field(remotes["secrets"]), "open", "id1", **asked)
        assert json.loads(found.source) == {"team": "b", "text": "a word for everybody"}
        assert found.fields == {}


def test_gets_of_names(remotes: dict[str, Remote]) -> None:
    wide = user(remotes["secrets"], "*")
    assert get(wide, "one", "id1").index == "open"
    for index, error in {
        "both": (
            "illegal_argument_exception",
            "alias [both] has more than one index associated with it [open, vault], can't execute a single index op",
        ),
        "absent": ("index_not_found_exception", "no such index [absent]"),
    }.items():
        with pytest.raises(ElasticsearchException) as caught:
            get(wide, index, "id1")
        assert refused(caught.value) == error
    for index in ("*", "_all", "open,vault", "-open", "open*", "/.*/"):
        with pytest.raises(ElasticsearchException) as caught:
            get(wide, index, "id1")
        assert caught.value.type in ("illegal_argument_exception", "index_not_found_exception", "security_exception")
    for index in ("vault", "both"):
        with pytest.raises(ElasticsearchException) as caught:
            get(user(remotes["secrets"]), index, "id1")
        assert caught.value.type == "security_exception"


def test_a_get_without_an_index_or_an_id(remotes: dict[str, Remote]) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        get(user(remotes["secrets"]), "open", "")
    assert refused(caught.value) == ("action_request_validation_exception", "Validation Failed: 1: id is missing;")
    with pytest.raises(ElasticsearchException):
        user(remotes["secrets"]).call(GET, GetRequest(index=None, id="id1").encode(V_8_19))


def test_several_gets_in_one_have_no_handler(remotes: dict[str, Remote]) -> None:
    who = user(remotes["secrets"])
    for action in ("indices:data/read/mget", "indices:data/read/mget[shard]", "indices:data/read/get[s]"):
        with pytest.raises(ElasticsearchException) as caught:
            who.call(action, b"")
        assert refused(caught.value) == ("action_not_found_transport_exception", f"No handler for action [{action}]")


def suggestions(who: Asking, field: str, text: str) -> list[str]:
    asked = {"field": field, "suggest_mode": "always", "max_term_freq": 1000, "min_word_length": 1, "prefix_length": 0}
    response = who.search("open", suggest={"s": {"text": text, "term": asked}})
    assert response.suggest is not None
    (suggestion,) = response.suggest
    assert isinstance(suggestion, TermSuggestion)
    return [option.text for entry in suggestion.entries for option in entry.options]


@pytest.mark.parametrize("field", ["secret", "notes", "notes.raw", "way", "parts.code"])
def test_a_hidden_field_suggests_nothing(remotes: dict[str, Remote], field: str) -> None:
    text = {"notes": "hiden"}.get(field, {"notes.raw": "hidden needles", "parts.code": "code"}.get(field, "needle"))
    assert suggestions(user(remotes["secrets"]), field, text) != []
    assert suggestions(by_field(remotes["secrets"]), field, text) == []


def test_a_hidden_field_generates_no_phrases(remotes: dict[str, Remote]) -> None:
    for field, source in (("notes", "notes"), ("text", "notes"), ("notes", "text")):
        asked = {"field": field, "confidence": 0, "direct_generator": [{"field": source, "suggest_mode": "always"}]}
        body = {"s": {"text": "hiden wrod", "phrase": asked}}
        found = [user(remotes["secrets"]).search("open", suggest=body), by_field(remotes["secrets"]).search("open", suggest=body)]
        phrases = [one for response in found for one in response.suggest or [] if isinstance(one, PhraseSuggestion)]
        assert [bool(one.entries[0].options) for one in phrases] == [True, False]


def test_words_of_hidden_fields_are_not_suggested(remotes: dict[str, Remote]) -> None:
    assert suggestions(user(remotes["secrets"]), "secret", "needle") == [f"needle{n}" for n in range(5)]
    assert suggestions(by_field(remotes["secrets"]), "secret", "needle") == []
    assert suggestions(by_field(remotes["secrets"]), "text", "wrod") == ["word"]


@pytest.mark.parametrize(
    ("suggester", "reason"),
    [
        ({"term": {"field": "text"}, "text": " ".join(map(str, range(2000)))}, "[suggest.s] for more than [1000] words"),
        ({"phrase": {"field": "text", "token_limit": 5000}, "text": "a " * 200}, "[suggest.s] for more than [100] words"),
        (
            {"phrase": {"field": "text", "direct_generator": [{"field": "text"}] * 11}, "text": "a"},
            "with more than [10] generators",
        ),
        (
            {
                "phrase": {
                    "field": "secret",
                    "analyzer": "whitespace",
                    "max_errors": 9,
                    "confidence": 0,
                    "direct_generator": [{"field": "secret", "suggest_mode": "always", "size": 10}],
                },
                "text": "needle " * 9,
            },
            "[suggest.s] of more than [100000] phrases",
        ),
    ],
)
def test_suggestions_that_would_take_too_long(remotes: dict[str, Remote], suggester: dict[str, Any], reason: str) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        user(remotes["secrets"]).search("open", suggest={"s": suggester})
    shards: Any = caught.value.details.get("failures")
    error = caught.value if shards is None else shards[0].cause
    assert error.type == "illegal_argument_exception"
    assert reason in str(error.reason)
    assert "is not supported" in str(error.reason)


@pytest.mark.parametrize(
    ("kind", "asked", "reason"),
    [
        ("term", {"accuracy": 1.5}, "accuracy must be between 0 and 1"),
        ("term", {"accuracy": math.nan}, "accuracy must be between 0 and 1"),
        ("term", {"max_edits": 3}, "maxEdits must be between 1 and 2"),
        ("term", {"max_term_freq": math.inf}, "maxTermFreq must be positive"),
        ("term", {"min_doc_freq": math.nan}, "minDocFreq must be positive"),
        ("term", {"min_doc_freq": 1.5}, "if minDocFreq is greater than 1, it must not be a fraction"),
        ("term", {"prefix_length": -1}, "prefixLength must be positive"),
        ("term", {"size": -1}, "Size must be positive but was: -1"),
        ("term", {"shard_size": 0}, "ShardSize must be positive but was: 0"),
        ("phrase", {"gram_size": 0}, "gramSize must be >= 1"),
        ("phrase", {"max_errors": math.nan}, "max_error must be > 0.0"),
        ("phrase", {"confidence": -1.0}, "confidence must be >= 0.0"),
        ("phrase", {"smoothing": {"laplace": {"alpha": -1.0}}}, "alpha must be positive"),
        (
            "phrase",
            {"smoothing": {"linear": dict.fromkeys(("trigram_lambda", "bigram_lambda", "unigram_lambda"), 0.0)}},
            "linear smoothing lambdas must sum to 1",
        ),
        ("phrase", {"direct_generator": [{"field": "text", "max_edits": 0}]}, "Illegal max_edits value 0"),
        ("phrase", {"direct_generator": [{"field": "text", "max_term_freq": math.nan}]}, "maxTermFreq must be positive"),
    ],
)
def test_figures_that_only_another_node_can_send(
    remotes: dict[str, Remote], kind: str, asked: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        user(remotes["secrets"]).search("open", suggest={"s": {"text": "wrod", kind: {"field": "text", **asked}}})
    shards: Any = caught.value.details.get("failures")
    assert refused(caught.value if shards is None else shards[0].cause) == ("illegal_argument_exception", reason)


def test_endless_figures_do_no_harm(remotes: dict[str, Remote]) -> None:
    generator = {"field": "text", "suggest_mode": "always"}
    for asked in ({"real_word_error_likelihood": 3e38}, {"max_errors": math.inf}, {"confidence": math.inf}):
        suggest = {"s": {"text": "wrod fro everybdy", "phrase": {"field": "text", "direct_generator": [generator], **asked}}}
        assert user(remotes["secrets"]).search("open", suggest=suggest).successful_shards == 1


@pytest.mark.parametrize(
    ("source", "in_general", "where_documents_are_hidden"),
    [
        (
            {"suggest": {"s": {"text": "x", "phrase": {"field": "text"}}}},
            None,
            "Suggest isn't supported if document level security is enabled",
        ),
        (
            {
                "suggest": {
                    "s": {
                        "text": "x",
                        "phrase": {"field": "text", "direct_generator": [{"field": "text", "pre_filter": "simple"}]},
                    }
                }
            },
            "[suggest.s.phrase.direct_generator.pre_filter] is not supported",
            "Suggest isn't supported if document level security is enabled",
        ),
        (
            {"suggest": {"s": {"prefix": "x", "completion": {"field": "text"}}}},
            "[suggest.s.completion] is not supported",
            "Suggest isn't supported if document level security is enabled",
        ),
        (
            {"suggest": {"s": {"text": "x", "term": {"field": "text"}}}},
            None,
            "Suggest isn't supported if document level security is enabled",
        ),
        (
            {"profile": True},
            "[profile] is not supported",
            "A search request cannot be profiled if document level security is enabled",
        ),
    ],
)
def test_refusals(
    remotes: dict[str, Remote], source: dict[str, Any], in_general: str | None, where_documents_are_hidden: str
) -> None:
    who = user(remotes["secrets"])
    if in_general is None:
        who.search("open", **source)
    else:
        with pytest.raises(ElasticsearchException) as caught:
            who.search("open", **source)
        assert refused(caught.value) == ("illegal_argument_exception", in_general)
    with pytest.raises(ElasticsearchException) as caught:
        by_team(remotes["secrets"]).search("open", **source)
    assert refused(caught.value) == ("security_exception", where_documents_are_hidden)
    assert caught.value.status == 400
