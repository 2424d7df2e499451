"""A program that is reached over TLS and wants to see the gateway's certificate, and much that is asked of one at a time."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from certs.files import certificates_to_pem, key_to_pem
from certs.issue import Identity, make_ca, make_client, make_server
from gateway.backends.opening import open_backend
from gateway.backends.socket import pool
from gateway.config import settings_of
from gateway.node import NodeIdentity
from protocol.errors import ElasticsearchException
from protocol.native.values import ALPN
from tests.gateway.backends.socket.played import Connection, Program, User, always, gateway, hit, hits
from tests.gateway.backends.socket.test_played import described, failure, playing, until

SECONDS = 20


@dataclass
class Files:
    folder: Path

    def write(self, name: str, identity: Identity) -> None:
        (self.folder / f"{name}.crt").write_bytes(certificates_to_pem([identity.certificate, *identity.issuers]))
        (self.folder / f"{name}.key").write_bytes(key_to_pem(identity.key))

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def context(self, *alpn: str) -> ssl.SSLContext:
        """Of a program that knows the authority by which gateways prove themselves."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.path("ca.crt"))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(self.path("program.crt"), self.path("program.key"))
        context.set_alpn_protocols(list(alpn or (ALPN,)))
        return context


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path)
    ca, other = make_ca("tests"), make_ca("other")
    made.write("ca", ca)
    made.write("other", other)
    made.write("program", make_server(ca, "program", ["127.0.0.1"]))
    made.write("gateway", make_client(ca, "gateway"))
    return made


def settings(program: Program, *, ca: str = "ca.crt", certificate: bool = True) -> dict[str, str]:
    made = {"address": f"127.0.0.1:{program.port}", "ssl.certificate_authorities": ca}
    return {**made, "ssl.certificate": "gateway.crt", "ssl.key": "gateway.key"} if certificate else made


async def test_over_tls_both_prove_themselves(tmp_path: Path, files: Files) -> None:
    program = Program(tmp_path / "unused", always(hits(hit("1"))), context=files.context())
    with trio.fail_after(SECONDS):
        async with program.running(), gateway(tmp_path, **settings(program)) as made:
            await described(made)
            assert len((await made.user().search("orders")).hits.hits) == 1


@pytest.mark.parametrize("wrong", ["no certificate", "another authority", "another protocol"])
async def test_one_that_is_not_who_it_must_be_is_asked_nothing(
    tmp_path: Path, files: Files, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[str] = []
    monkeypatch.setattr(pool.Pool, "_tell", lambda _, problem: lost.append(problem))
    context = files.context("h2") if wrong == "another protocol" else files.context()
    program = Refusing(tmp_path / "unused", always(hits(hit("1"))), context=context)
    made = {"ca": "other.crt" if wrong == "another authority" else "ca.crt", "certificate": wrong != "no certificate"}
    with trio.fail_after(SECONDS):
        async with program.running(), gateway(tmp_path, **settings(program, **made)) as opened:  # type: ignore[arg-type]
            await until(lambda: len(lost) >= 2)
            error = await failure(opened.user().search("orders"))
    assert error is not None
    assert error.status == 503
    assert program.asked == []


class Refusing(Program):
    async def _serve(self, stream: trio.abc.Stream) -> None:
        try:
            await super()._serve(stream)
        except* (ssl.SSLError, trio.BrokenResourceError):
            pass  # the handshake failed, which the test wants


async def test_renewed_certificates_are_those_of_the_next_connection(tmp_path: Path, files: Files) -> None:
    """The gateway trusts another authority at first."""
    program = Refusing(tmp_path / "unused", always(hits()), context=files.context())
    (tmp_path / "trusted.crt").write_bytes((tmp_path / "other.crt").read_bytes())
    with trio.fail_after(SECONDS):
        async with program.running(), trio.open_nursery() as nursery:
            flat: dict[str, Any] = {"backend.type": "socket", "path.data": "data"}
            flat |= {f"backend.socket.{name}": value for name, value in settings(program, ca="trusted.crt").items()}
            read = settings_of(flat, tmp_path)
            backend = open_backend(read, NodeIdentity.load(read.path.data, "exported", "gateway"))
            nursery.start_soon(backend.run)
            await until(lambda: program.connections >= 2)
            with pytest.raises(ElasticsearchException):
                backend.metadata()
            (tmp_path / "trusted.crt").write_bytes((tmp_path / "ca.crt").read_bytes())
            backend.renew(settings_of(flat, tmp_path))
            while True:
                try:
                    backend.metadata()
                except ElasticsearchException:
                    await trio.sleep(0.01)
                else:
                    break
            nursery.cancel_scope.cancel()


async def _search(user: User, number: int, found: dict[int, str | None]) -> None:
    answer = await user.search("orders", query={"term": {"size": {"value": number}}})
    found[number] = answer.hits.hits[0].id


async def test_many_side_by_side_get_each_its_own_answer(tmp_path: Path) -> None:
    """The program answers the last ones first."""
    waiting: list[tuple[Connection, int, int]] = []
    count, found = 100, dict[int, str | None]()

    async def answer(connection: Connection, header: dict[str, Any], body: Any) -> None:
        waiting.append((connection, header["id"], body["body"]["query"]["term"]["size"]["value"]))
        if len(waiting) == count:
            for each, number, value in reversed(waiting):
                await each.answer(number, hits(hit(str(value))))

    async with playing(tmp_path, answer) as (_, made), trio.open_nursery() as nursery:
        user = made.user()
        for number in range(count):
            nursery.start_soon(_search, user, number, found)
    assert found == {number: str(number) for number in range(count)}


async def test_a_flood_that_is_not_answered_is_refused_beyond_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MAX_OPEN", 5)
    errors: list[ElasticsearchException | None] = []

    async def hangs(connection: Connection, header: dict[str, Any], _: Any) -> None:
        await trio.sleep_forever()

    async def ask(user: User) -> None:
        errors.append(await failure(user.search("orders")))

    async with playing(tmp_path, hangs, connections="1") as (program, made), trio.open_nursery() as nursery:
        user = made.user()
        for _ in range(20):
            nursery.start_soon(ask, user)
        await until(lambda: len(errors) == 15)
        assert {error.type for error in errors if error is not None} == {"circuit_breaking_exception"}
        await until(lambda: len(program.asked) == 5)
        nursery.cancel_scope.cancel()


async def test_a_client_that_goes_away_cancels_its_request_at_the_program(tmp_path: Path) -> None:
    numbers: list[int] = []

    async def hangs(connection: Connection, header: dict[str, Any], _: Any) -> None:
        numbers.append(header["id"])
        await trio.sleep_forever()

    async with playing(tmp_path, hangs, connections="1") as (program, made):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.user().search, "orders")
            await until(lambda: bool(numbers))
            nursery.cancel_scope.cancel()
        await until(lambda: bool(program.other))
        program.answer = always(hits(hit("1")))
        assert len((await made.user().search("orders")).hits.hits) == 1
    assert [(each["kind"], each["id"]) for each in program.other] == [("cancel", numbers[0])]
