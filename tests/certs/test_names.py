"""Names of certificates as Java writes them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from certs.der import DerError, element, elements, subject_of
from certs.names import subject_rfc2253, subject_shown
from tests.vectors import read_lines

NAMES = read_lines("security_names.jsonl")


@pytest.mark.parametrize("vector", NAMES, ids=[vector["rfc2253"] for vector in NAMES])
def test_names_are_those_of_java(vector: dict[str, Any]) -> None:
    certificate = x509.load_der_x509_certificate(base64.b64decode(vector["certificate"]))
    assert (subject_rfc2253(certificate), subject_shown(certificate)) == (vector["rfc2253"], vector["shown"])


@given(st.binary(max_size=64))
def test_any_bytes_raise_only_the_error_of_der(data: bytes) -> None:
    for read in (lambda: list(elements(data)), lambda: subject_of(data), lambda: element(data).object_identifier()):
        try:
            read()
        except DerError:
            continue


@pytest.mark.parametrize(
    "data",
    [b"", b"\x30", b"\x30\x05\x00", b"\x1f\x01\x00", b"\x30\x80\x00\x00", b"\x30\x85\x00\x00\x00\x00\x00", b"\x05\x00\x00"],
)
def test_what_is_no_element(data: bytes) -> None:
    with pytest.raises(DerError):
        element(data)


@pytest.mark.parametrize(
    ("content", "dotted"), [(b"\x55\x04\x03", "2.5.4.3"), (b"\x2a\x86\x48\x86\xf7\x0d", "1.2.840.113549"), (b"\x88\x37", "2.999")]
)
def test_object_identifiers(content: bytes, dotted: str) -> None:
    assert element(b"\x06" + bytes([len(content)]) + content).object_identifier() == dotted
