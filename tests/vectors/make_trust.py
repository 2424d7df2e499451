"""Makes the vectors of signatures, names of certificates, trust restrictions and IP filters: Elasticsearch's own classes are the judge.

python -m tests.vectors.make_trust
"""

from __future__ import annotations

import base64
import gzip
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.files import certificates_to_pem, key_to_pem
from tests.elasticsearch.oracle import Oracle
from tests.elasticsearch.rig.maven import NEWEST_9

HERE = Path(__file__).parent
FROM, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)
PAST = datetime(2026, 2, 1, tzinfo=UTC)
TEXTS = ["subject-info==", "ApiKey Y3JlZGVudGlhbHM6"]


@dataclass(frozen=True)
class Made:
    key: Any
    certificate: x509.Certificate

    @property
    def der(self) -> str:
        return base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()


def new_key(kind: str) -> Any:
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:] or 2048))
    return ec.generate_private_key({"ec": ec.SECP256R1, "ec384": ec.SECP384R1}[kind]())


def make(
    name: str | x509.Name,
    issuer: Made | None = None,
    *,
    kind: str = "ec",
    ca: bool = False,
    path_length: int | None = None,
    until: datetime = UNTIL,
    usage: str | None = None,
    extended: Sequence[x509.ObjectIdentifier] | None = None,
    names: Sequence[x509.GeneralName] = (),
    odd_critical: bool = False,
    digest: Any = None,
) -> Made:
    key = new_key(kind)
    subject = x509.Name.from_rfc4514_string(name) if isinstance(name, str) else name
    builder = x509.CertificateBuilder(
        issuer.certificate.subject if issuer else subject, subject, key.public_key(), x509.random_serial_number(), FROM, until
    )
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(True, path_length), critical=True)
    if usage is not None:
        flags = dict.fromkeys(
            (
                "digital_signature",
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "key_cert_sign",
                "crl_sign",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        builder = builder.add_extension(x509.KeyUsage(**(flags | {usage: True})), critical=True)
    if extended is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if odd_critical:
        odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
        builder = builder.add_extension(odd, critical=True)
    return Made(key, builder.sign((issuer.key if issuer else key), digest or hashes.SHA256()))


def signatures(oracle: Oracle, folder: Path) -> Iterator[dict[str, Any]]:
    """Signed by the real signer, then judged by the real verifier, as they are and damaged."""
    client, server = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
    root, rsa_root, other = make("CN=Root", ca=True), make("CN=RSA Root,O=Local", kind="rsa", ca=True), make("CN=Other", ca=True)
    middle = make("CN=Middle,O=Local", root, ca=True)
    narrow = make("CN=Narrow", root, ca=True, path_length=0)
    below_narrow = make("CN=Below", narrow, ca=True)
    no_ca = make("CN=No CA", root)
    signers: dict[str, list[Made]] = {
        "ec": [make("CN=node-1,O=Local", root)],
        "ec384": [make("CN=node-1,O=Local", root, kind="ec384")],
        "rsa": [make("CN=node-2,O=Local", rsa_root, kind="rsa")],
        "rsa below ec": [make("CN=node-3", root, kind="rsa")],
        "chain of 2": [make("CN=node-4", middle), middle],
        "chain of 3": [make("CN=node-5", middle), middle, root],
        "chain of 3 out of order": [make("CN=node-6", middle), root, middle],
        "without the middle": [make("CN=node-7", middle)],
        "untrusted": [make("CN=node-8", other)],
        "untrusted with its root": [make("CN=node-9", other), other],
        "expired": [make("CN=node-10", root, until=PAST)],
        "for clients": [make("CN=node-11", root, usage="digital_signature", extended=[client])],
        "for servers": [make("CN=node-12", root, extended=[server])],
        "for both": [make("CN=node-13", root, extended=[server, client])],
        "for any": [make("CN=node-14", root, extended=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])],
        "may not sign": [make("CN=node-15", root, usage="key_encipherment")],
        "below one that is no authority": [make("CN=node-16", no_ca), no_ca],
        "below too many": [make("CN=node-17", below_narrow), below_narrow, narrow],
        "with a critical extension": [make("CN=node-18", root, odd_critical=True)],
        "self-signed": [make("CN=node-19")],
        "an authority itself": [root],
    }
    trusted = {"root": [root], "both": [rsa_root, root], "middle": [middle], "none": [], "other": [other]}
    for name, authorities in trusted.items():
        (folder / f"{name}.ca").write_bytes(certificates_to_pem([made.certificate for made in authorities]))
    for name, chain in signers.items():
        header = signed(oracle, folder, chain)
        for authority in ("both", "root", "middle", "other") if name in ("rsa", "chain of 2", "chain of 3") else ("both",):
            yield judged(oracle, folder, name, trusted, authority, header, TEXTS)
        if name == "self-signed":
            (folder / "own.ca").write_bytes(certificates_to_pem([chain[0].certificate]))
            yield judged(oracle, folder, "self-signed and trusted", {"own": chain}, "own", header, TEXTS)
    for kind in ("ec", "rsa"):
        yield from damaged(oracle, folder, trusted, signers[kind][0], kind)


def signed(oracle: Oracle, folder: Path, chain: list[Made]) -> str:
    (folder / "s.crt").write_bytes(certificates_to_pem([made.certificate for made in chain]))
    (folder / "s.key").write_bytes(key_to_pem(chain[0].key))
    answer = oracle.ask(op="sign", certificate=str(folder / "s.crt"), key=str(folder / "s.key"), texts=TEXTS)
    if "Certificate chain is not valid" in answer.get("error", ""):
        # No Java key store takes such a chain; a client that has none can send it all the same.
        signature = chain[0].key.sign("\n".join(TEXTS).encode(), ec.ECDSA(hashes.SHA256()))
        answer = encoded(oracle, chain, "SHA256withECDSA", signature)
    header: str = answer["header"]
    return header


def encoded(oracle: Oracle, chain: list[Made], algorithm: str, signature: bytes) -> dict[str, Any]:
    data = base64.b64encode(signature).decode()
    return oracle.ask(op="encode", certificates=[made.der for made in chain], algorithm=algorithm, signature=data)


def damaged(oracle: Oracle, folder: Path, trusted: dict[str, list[Made]], signer: Made, kind: str) -> Iterator[dict[str, Any]]:
    header = signed(oracle, folder, [signer])
    for what, texts in (
        ("other credentials", [TEXTS[0], "ApiKey other"]),
        ("other subject info", ["other", TEXTS[1]]),
        ("texts swapped", TEXTS[::-1]),
        ("texts joined otherwise", ["".join(TEXTS), ""]),
    ):
        yield judged(oracle, folder, f"{kind}: {what}", trusted, "both", header, texts)
    good = "SHA256withECDSA" if kind == "ec" else "SHA256withRSA"
    wrong = "SHA256withRSA" if kind == "ec" else "SHA256withECDSA"
    for what, algorithm, signature in (
        ("garbage", good, b"garbage"),
        ("no signature", good, b""),
        ("garbage of the right size", good, b"\1" * 256),
        ("the other algorithm", wrong, b"\1" * 256),
        ("an unknown algorithm", "SHA257withRSA", b"\1" * 256),
    ):
        header = encoded(oracle, [signer], algorithm, signature)["header"]
        yield judged(oracle, folder, f"{kind}: {what}", trusted, "both", header, TEXTS)


def judged(
    oracle: Oracle, folder: Path, name: str, trusted: dict[str, list[Made]], authority: str, header: str, texts: list[str]
) -> dict[str, Any]:
    answer = oracle.ask(op="verify", authorities=[str(folder / f"{authority}.ca")], header=header, texts=texts)
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return {
        "name": f"{name}, trusting {authority}",
        "authorities": [made.der for made in trusted[authority]],
        "header": header,
        "texts": texts,
        **answer,
    }


def names(oracle: Oracle) -> Iterator[dict[str, Any]]:
    oid, kinds = x509.NameOID, x509.name._ASN1Type
    texts = [
        "node-1",
        "a,b+c=d",
        ' "q" ',
        "#x",
        "  two  blanks  ",
        "\\",
        "<x>;",
        "Zoë",
        "日本",
        "a\nb",
        '"quoted"',
        "x\0y",
        "a=b",
        "é",
    ]
    attributes = [x509.NameAttribute(oid.COMMON_NAME, text) for text in texts]
    attributes += [
        x509.NameAttribute(oid.COUNTRY_NAME, "DE"),
        x509.NameAttribute(oid.COMMON_NAME, "printable", _type=kinds.PrintableString),
        x509.NameAttribute(oid.COMMON_NAME, "Zoë", _type=kinds.BMPString),
        x509.NameAttribute(oid.COMMON_NAME, "t61", _type=kinds.T61String),
        x509.NameAttribute(oid.COMMON_NAME, "universal", _type=kinds.UniversalString),
        x509.NameAttribute(oid.EMAIL_ADDRESS, "a@example.com"),
        x509.NameAttribute(oid.SERIAL_NUMBER, "77"),
        x509.NameAttribute(oid.TITLE, "T"),
        x509.NameAttribute(oid.DOMAIN_COMPONENT, "example"),
        x509.NameAttribute(oid.USER_ID, "u1"),
        x509.NameAttribute(oid.STREET_ADDRESS, "Street 1"),
        x509.NameAttribute(oid.STATE_OR_PROVINCE_NAME, "BE"),
        x509.NameAttribute(oid.LOCALITY_NAME, "L"),
        x509.NameAttribute(oid.SURNAME, "S"),
        x509.NameAttribute(oid.GIVEN_NAME, "G"),
        x509.NameAttribute(oid.DN_QUALIFIER, "Q"),
        x509.NameAttribute(oid.GENERATION_QUALIFIER, "III"),
        x509.NameAttribute(oid.PSEUDONYM, "P"),
        x509.NameAttribute(oid.ORGANIZATION_IDENTIFIER, "I"),
    ]
    node, unit, local = (
        attributes[0],
        x509.NameAttribute(oid.ORGANIZATIONAL_UNIT_NAME, "U"),
        x509.NameAttribute(oid.ORGANIZATION_NAME, "Local"),
    )
    subjects = [x509.Name([attribute]) for attribute in attributes]
    subjects += [
        x509.Name([]),
        x509.Name([local, unit, node]),
        x509.Name([x509.RelativeDistinguishedName(rdn) for rdn in ([node, unit], [local])]),
    ]
    issuer = make("CN=Issuer", ca=True)
    for subject in subjects:
        made = make(subject, issuer)
        yield {"certificate": made.der, **oracle.ask(op="name", certificate=made.der)}


IDENTITIES = {
    "CN=node-1,O=Local": [
        "CN=node-1,O=Local",
        "CN=node-.,O=Local",
        "CN=.*",
        "CN=node-1",
        ".*O=Local",
        "cn=node-1,o=local",
        "(?i:cn=node-1,o=local)",
    ],
    "CN=node-12,OU=x y,O=Local": [
        "CN=node-\\d+,OU=\\w \\w,O=Local",
        "CN=node-\\d,.*",
        "^CN=.*$",
        "^CN=.*,O=(Local|Other)$",
        "CN=[^,]*,OU=[^,]*,O=Local",
        "CN=node-1\\z",
        "\\QCN=node-12,OU=x y,O=Local\\E",
    ],
    "CN=Zoë": ["CN=\\w+", "CN=...", "CN=Zo\\u00eb", "CN=Zo[^a]", "CN=(?!x).*", "CN=\\S*", "CN=ZOË", "(?i:CN=ZOË)"],
    "CN=a\nb": ["CN=.*", "CN=a\\sb", "(?s:CN=.*)"],
    "CN=a\x85b": ["CN=.*", "CN=a.b"],
    "": ["", ".*", ".+", "$", "^"],
    "CN=x": [
        "CN=(",
        "CN=[",
        "*",
        "CN=x++",
        "CN=x{1}",
        "CN=x{1,2}",
        "CN=x{,2}",
        "CN=(?<n>x)",
        "CN=\\p{Lower}",
        "CN=[a-z&&[^b]]",
        "CN=[[a-z]]",
        "CN=(?>x)",
        "(?x)C N = x",
        "(?u)CN=x",
        "CN=\\x78",
        "CN=\\0170",
        "CN=x|CN=y",
    ],
}


def identities(oracle: Oracle) -> Iterator[dict[str, Any]]:
    for name, patterns in IDENTITIES.items():
        for pattern in patterns:
            yield {"pattern": pattern, "name": name, **oracle.ask(op="identity", pattern=pattern, name=name)}


def other_name(text: bytes, identifier: str = "2.5.4.3") -> x509.OtherName:
    return x509.OtherName(x509.ObjectIdentifier(identifier), text)


def restrictions(oracle: Oracle) -> Iterator[dict[str, Any]]:
    utf8, printable, bmp = b"\x0c\x06node-1", b"\x13\x06node-1", b"\x1e\x0c" + "node-1".encode("utf-16-be")
    certificates = {
        "none": make("CN=node-1"),
        "dns": make("CN=n", names=[x509.DNSName("node-1"), x509.DNSName("node-2.local"), x509.RFC822Name("a@b")]),
        "other": make("CN=n", names=[other_name(utf8), x509.DNSName("host")]),
        "printable": make("CN=a b,O=Local", names=[other_name(printable)]),
        "tagged": make("CN=n", names=[other_name(b"\xa0\x08" + utf8)]),
        "bmp": make("CN=n", names=[other_name(bmp)]),
        "another type": make("CN=n", names=[other_name(utf8, "1.3.6.1.4.1.311.20.2.3")]),
        "number": make("CN=n", names=[other_name(b"\x02\x01\x05")]),
        "two": make("CN=n", names=[other_name(utf8), other_name(b"\x0c\x06node-3")]),
    }
    common, dns = "subjectAltName.otherName.commonName", "subjectAltName.dnsName"
    for made in certificates.values():
        for fields in ([common], [dns], [common, dns], ["SUBJECTALTNAME.DNSNAME"]):
            for patterns in (["node-1"], ["node-*"], ["*"], ["/node-[13]/"], ["x", "node-?"], [], ["*.local"], ["NODE-1"]):
                answer = oracle.ask(op="restrict", patterns=patterns, fields=fields, certificate=made.der)
                if "error" in answer:
                    raise RuntimeError(answer["error"])
                yield {"certificate": made.der, "fields": fields, "patterns": patterns, **answer}


RULES = [
    "_all",
    "10.0.0.1",
    "10.0.0.0/8",
    "10.1.2.3/8",
    "0.0.0.0/0",
    "10.0.0.1/32",
    "10.0.0.1/33",
    "10.0.0.0/255.0.0.0",
    "10.0.0.0/255.0.255.0",
    "10.0.0.0/0x8",
    "10.0.0.0/010",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "10.0.0.0/a",
    "::1",
    "0:0:0:0:0:0:0:1",
    "fe80::/10",
    "2001:db8::/32",
    "::/0",
    "2001:db8::1/129",
    "::ffff:10.0.0.1",
    "::ffff:10.0.0.0/8",
    "2001:DB8::A",
    "localhost",
    "*.local",
    "node-?.local",
    "10.0.*",
    "10.0.0.1,10.0.0.2",
    "10.0.0.1, 10.0.0.2",
    "10.0.0.1,*.local",
    "_all,10.0.0.1",
    "10.0.0.0/8,11.0.0.0/8",
    "",
    "node-1",
    "NODE-1.local",
    "*",
    "?*",
    "10.0.0.1,",
    "127.0.0.1",
    "127.0.0.0/8",
    "2001:db8::/255.255.0.0",
]
PEERS = [
    ("10.0.0.1", ""),
    ("10.0.0.2", "node-1.local"),
    ("10.255.0.9", "node-12.local"),
    ("11.0.0.1", "host"),
    ("127.0.0.1", ""),
    ("127.0.0.2", "x"),
    ("::1", ""),
    ("2001:db8::a", "node-2.local"),
    ("2001:db9::1", ""),
    ("fe80::1", ""),
    ("8.8.8.8", "node-1"),
]


def filters(oracle: Oracle) -> Iterator[dict[str, Any]]:
    for rule in RULES:
        for address, host in PEERS:
            # Without a host the oracle's peer would be looked up; with its address for a name it is as one that has no name.
            answer = oracle.ask(op="filter", allow=True, rule=rule, address=address, host=host or address)
            yield {
                "rule": rule,
                "address": address,
                "host": host or address,
                **({"invalid": True} if "invalid" in answer else answer),
            }
            if "invalid" in answer:
                break


def write(name: str, lines: Iterator[dict[str, Any]]) -> None:
    found = list(lines)
    data = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in found).encode()
    (HERE / name).write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
    print(name, len(found), "lines,", (HERE / name).stat().st_size, "bytes")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Oracle("SecurityOracle", NEWEST_9) as oracle:
        write("security_signatures.jsonl.gz", signatures(oracle, Path(folder)))
        write("security_names.jsonl", names(oracle))
        write("security_identities.jsonl", identities(oracle))
        write("security_trust.jsonl.gz", restrictions(oracle))
        write("security_filters.jsonl", filters(oracle))


if __name__ == "__main__":
    main()
