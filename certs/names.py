"""The subject of a certificate as Java writes it: what ``certificate_identity`` is compared with, and what error texts show.

Facts from ``sun.security.x509.AVA`` of JDK 25, on which 9.5.3 runs; vectors in the tests.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509

from certs.der import SEQUENCE, SET, DerError, Element, subject_of

_UTF8, _PRINTABLE, _T61, _IA5, _UNIVERSAL, _GENERAL, _BMP = 0x0C, 0x13, 0x14, 0x16, 0x1C, 0x1B, 0x1E

_CHARSETS = {
    _UTF8: "utf-8",
    _BMP: "utf-16-be",
    _UNIVERSAL: "utf-32-be",
    _PRINTABLE: "latin-1",
    _T61: "latin-1",
    _IA5: "latin-1",
    _GENERAL: "latin-1",
}

_RFC_2253 = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.9": "STREET",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
}
_SHOWN = _RFC_2253 | {
    "2.5.4.12": "T",
    "1.3.6.1.4.1.42.2.11.2.1": "IP",
    "2.5.4.46": "DNQ",
    "2.5.4.4": "SURNAME",
    "2.5.4.42": "GIVENNAME",
    "2.5.4.43": "INITIALS",
    "2.5.4.44": "GENERATION",
    "1.2.840.113549.1.9.1": "EMAILADDRESS",
    "2.5.4.5": "SERIALNUMBER",
}

_ESCAPED = frozenset(',=+<>#;"\\')
_QUOTING = frozenset(',+=\n<>#;\\"')


def subject_rfc2253(certificate: x509.Certificate) -> str:
    """``X500Principal.getName(RFC2253)``: ``CN=node-1,O=Local``; an attribute without a keyword is its number and the value in hex.

    Raises DerError.
    """
    return _name(certificate, ",", _rfc2253)


def subject_shown(certificate: x509.Certificate) -> str:
    """``X500Principal.toString()``: ``CN=node-1, O=Local``. Raises DerError."""
    return _name(certificate, ", ", _shown)


def _name(certificate: x509.Certificate, separator: str, render: Callable[[str, Element], str]) -> str:
    parts: list[str] = []
    for relative in subject_of(certificate.tbs_certificate_bytes).children(SEQUENCE):
        attributes: list[str] = []
        for attribute in relative.children(SET):
            pair = attribute.children(SEQUENCE)
            if len(pair) != 2:
                raise DerError("an attribute of a name that is not a type and a value")
            attributes.append(render(pair[0].object_identifier(), pair[1]))
        parts.append(("+" if render is _rfc2253 else " + ").join(attributes))
    return separator.join(reversed(parts))


def _rfc2253(identifier: str, value: Element) -> str:
    keyword = _RFC_2253.get(identifier)
    if keyword is None or value.tag not in _CHARSETS or value.tag == _UNIVERSAL:
        return f"{keyword or identifier}=#{value.encoded.hex()}"
    text = "".join(f"\\{char}" if char in _ESCAPED else "\\00" if char == "\0" else char for char in _decode(value))
    inner = text.strip(" \r")
    start = text.index(inner) if inner else len(text)
    before, after = text[:start], text[start + len(inner) :]
    return f"{keyword}={_each_escaped(before)}{inner}{_each_escaped(after)}"


def _each_escaped(blanks: str) -> str:
    return "".join(f"\\{char}" for char in blanks)


def _shown(identifier: str, value: Element) -> str:
    keyword = _SHOWN.get(identifier) or f"OID.{identifier}"
    if value.tag not in _CHARSETS:
        return f"{keyword}=#{value.encoded.hex()}"
    text = _decode(value)
    if len(text) > 1 and text[0] == text[-1] == '"':
        inside = text[1:-1].replace("\\", "\\\\").replace('"', '\\"')
        return f'{keyword}="{inside}"'
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    blanks = text.replace("\n", " ")
    if blanks != blanks.strip(" ") or "  " in blanks or any(char in _QUOTING for char in text):
        escaped = f'"{escaped}"'
    return f"{keyword}={escaped}"


def _decode(value: Element) -> str:
    try:
        return value.content.decode(_CHARSETS[value.tag])
    except UnicodeDecodeError as error:
        raise DerError("a text in a name that is not of the type that it says") from error
