"""Assembles the home of a node from jars: the server's in ``lib``, each plugin's as a module of its own."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import zipfile
from functools import cache
from pathlib import Path

from tests.elasticsearch.rig.maven import CACHE, ESQL, HERE, NEWEST_8, jars, javac, jdk_for

_TRANSPORT = ("transport-netty4-", "netty-")
_CORE = (
    "x-pack-core-", "httpclient", "httpcore", "httpasyncclient-", "commons-logging-", "commons-codec-", "unboundid-ldapsdk-",
    "elasticsearch-ssl-config-",
)  # fmt: skip
_SECURITY = (
    "x-pack-security-", "oauth2-oidc-sdk-", "nimbus-jose-jwt-", "json-smart-", "accessors-smart-", "content-type-", "lang-tag-",
    "jakarta.mail-", "jakarta.activation-1", "jakarta.xml.bind-api-", "cryptacular-", "xmlsec-", "woodstox-", "stax2-", "guava-",
    "failureaccess-", "metrics-core-", "jcip-annotations-1.0.jar", "slf4j-api-", "log4j-slf4j2-",
)  # fmt: skip
_ESQL_CORE = ("x-pack-esql-core-", "antlr4-runtime-")
_KQL = ("x-pack-kql-",)
_VERSION_FIELD = ("x-pack-mapper-version-",)
_ESQL = (
    "x-pack-esql-8", "x-pack-esql-compute-", "arrow-", "flatbuffers-", "jackson-", "elasticsearch-h3-", "elasticsearch-dissect-",
    "lucene-spatial3d-", "slf4j-nop-",
)  # fmt: skip
_UNUSED = (
    "jcip-annotations-1.0-1", "jakarta.activation-api-", "asm-", "checker-qual-", "error_prone_", "listenablefuture-",
    "j2objc-", "jsr305-",
)  # fmt: skip
_MODULES = {"security-index-analysis": "SecurityIndexAnalysis", "system-indices": "SystemIndices"}
"""Of the tests, by name, with the class that each is."""

_SAML = re.compile(rb"(?:org/opensaml|net/shibboleth)/[\w/$]+")


@cache
def template(version: str) -> Path:
    """``lib``, ``modules`` and ``classes`` of a version, made once for each state of what they are made of. A node's home links to them."""
    made_of = b"".join(path.read_bytes() for path in (*sorted((HERE / "java").glob("*.java")), HERE / "pom.xml", Path(__file__)))
    home = CACHE / "homes" / f"{version}-{hashlib.sha256(made_of).hexdigest()[:12]}"
    complete = home / ".complete"
    if complete.exists():
        return home
    shutil.rmtree(home, ignore_errors=True)
    profile = ESQL if version == NEWEST_8 else None
    left = [jar for jar in sorted(jars(version, profile).glob("*.jar")) if not jar.name.startswith(_UNUSED)]

    def take(names: tuple[str, ...]) -> list[Path]:
        taken = [jar for jar in left if jar.name.startswith(names)]
        left[:] = [jar for jar in left if jar not in taken]
        return taken

    esql_core, kql, version_field, esql = take(_ESQL_CORE), take(_KQL), take(_VERSION_FIELD), take(_ESQL)
    transport, core, security = take(_TRANSPORT), take(_CORE), take(_SECURITY)
    lib = home / "lib"
    lib.mkdir(parents=True)
    for jar in left:
        shutil.copy(jar, lib)
    class_path = f"{lib}/*"
    javac(version, class_path, home / "classes", HERE / "java" / "StartNode.java")
    for name, source in _MODULES.items():
        javac(version, class_path, home / name, HERE / "java" / f"{source}.java")
    _stub_saml(version, next(jar for jar in security if jar.name.startswith("x-pack-security-")), home / "stubs")
    stubs = _pack(version, home / "stubs")
    _module(home, version, "transport-netty4", "org.elasticsearch.transport.netty4.Netty4Plugin", transport)
    _module(home, version, "x-pack-core", "org.elasticsearch.xpack.core.XPackPlugin", core)
    security_jars = [*security, *transport, stubs]
    _module(home, version, "x-pack-security", "org.elasticsearch.xpack.security.Security", security_jars, extends="x-pack-core")
    for name, source in _MODULES.items():
        _module(home, version, name, source, [_pack(version, home / name)])
    if profile == ESQL:
        antlr = [jar for jar in esql_core if jar.name.startswith("antlr4-")]
        plugin = "org.elasticsearch.xpack.esql.core.plugin.EsqlCorePlugin"
        _module(home, version, "x-pack-esql-core", plugin, esql_core, extends="x-pack-core")
        _module(home, version, "x-pack-kql", "org.elasticsearch.xpack.kql.KqlPlugin", [*kql, *antlr], extends="x-pack-core")
        _module(home, version, "x-pack-mapper-version", "org.elasticsearch.xpack.versionfield.VersionFieldPlugin", version_field)
        used = [*esql, *kql, *version_field]
        _module(home, version, "x-pack-esql", "org.elasticsearch.xpack.esql.plugin.EsqlPlugin", used, extends="x-pack-esql-core")
    (home / "exports").write_text("\n".join(_exports(version, lib)))
    complete.touch()
    return home


def java_options(version: str) -> list[str]:
    """What makes the JVM load the server's jars as modules and open them to the modules that are loaded without names."""
    home = template(version)
    return [
        "-Dlog4j2.disable.jmx=true",
        "--add-opens=java.base/java.io=ALL-UNNAMED",
        "--enable-native-access=ALL-UNNAMED",
        *("--module-path", f"{home}/lib", "--add-modules=ALL-MODULE-PATH,jdk.net"),
        *("--add-opens", "org.elasticsearch.server/org.elasticsearch.common.settings=ALL-UNNAMED"),
        *(home / "exports").read_text().splitlines(),
        *("-cp", f"{home}/classes"),
    ]


def _module(home: Path, version: str, name: str, plugin: str, files: list[Path], extends: str = "") -> None:
    folder = home / "modules" / name
    folder.mkdir(parents=True)
    for file in files:
        shutil.copy(file, folder)
    descriptor = {
        "name": name,
        "description": name,
        "version": version,
        "elasticsearch.version": version,
        "java.version": "17",
        "classname": plugin,
        "extended.plugins": extends,
        "has.native.controller": "false",
    }
    (folder / "plugin-descriptor.properties").write_text("".join(f"{key}={value}\n" for key, value in descriptor.items()))


def _pack(version: str, classes: Path) -> Path:
    jar = classes.with_suffix(".jar")
    subprocess.run([jdk_for(version) / "jar", "cf", jar, "-C", classes, "."], check=True, timeout=60)
    return jar


def _stub_saml(version: str, security: Path, out: Path) -> None:
    """Empty types by the names of the absent SAML classes, so that the classes of x-pack-security that mention them link."""
    with zipfile.ZipFile(security) as archive:
        classes = [archive.read(entry) for entry in archive.namelist() if entry.endswith(".class")]
    names = {match.decode() for content in classes for match in _SAML.findall(content)}
    inner_types: dict[str, set[str]] = {}
    for name in names:
        outer, _, inner = name.partition("$")
        inner_types.setdefault(outer, set()).add(inner.split("$")[0])
    sources = []
    for outer, inners in inner_types.items():
        package, _, simple = outer.rpartition("/")
        if not simple[:1].isupper():
            continue
        kind = f"class {simple} extends Exception" if "Exception" in simple else f"interface {simple}"
        body = " ".join(f"public interface {inner} {{}}" for inner in sorted(inners) if inner[:1].isupper())
        source = out.parent / "stub-sources" / f"{outer}.java"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(f"package {package.replace('/', '.')};\npublic {kind} {{ {body} }}\n")
        sources.append(source)
    javac(version, ".", out, *sources)


def _exports(version: str, lib: Path) -> list[str]:
    """Elasticsearch exports many packages to its own named modules only; here nobody has a name."""
    options = []
    for jar in sorted(lib.glob("elasticsearch*.jar")):
        command = [str(jdk_for(version) / "jar"), "--describe-module", "--file", str(jar)]
        described = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
        module = described[0].split("@")[0].split()[0]
        for line in described:
            words = line.split()
            if line.startswith("qualified exports"):
                options += ["--add-exports", f"{module}/{words[2]}=ALL-UNNAMED"]
            elif line.startswith("contains"):
                options += ["--add-exports", f"{module}/{words[1]}=ALL-UNNAMED"]
    return options
