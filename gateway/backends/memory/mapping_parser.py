"""Reading ``mappings`` as a create-index call has them. What this backend does not do is refused by name."""

from __future__ import annotations

from typing import Any, Final

from gateway.backends.memory import analysis
from gateway.backends.memory.dynamic_templates_parser import parse_templates
from gateway.backends.memory.mapping import DATES, DECIMALS, INTEGERS, FieldType, Mapping, ObjectType
from gateway.backends.memory.values import MalformedValueError, parse_address, text_of
from protocol.dates.date_format import DateFormat
from protocol.errors import ElasticsearchException

_COMMON: Final = frozenset({"type", "fields", "copy_to", "meta", "store", "index", "doc_values"})
_NUMBER: Final = _COMMON | {"coerce", "ignore_malformed", "null_value"}
_PARAMETERS: Final[dict[str, frozenset[str]]] = {
    "text": _COMMON - {"doc_values"}
    | {
        "analyzer",
        "search_analyzer",
        "search_quote_analyzer",
        "norms",
        "position_increment_gap",
        "index_options",
        "index_prefixes",
        "eager_global_ordinals",
        "term_vector",
    },
    "keyword": _COMMON | {"ignore_above", "normalizer", "null_value", "eager_global_ordinals", "split_queries_on_whitespace"},
    "constant_keyword": frozenset({"type", "value", "meta"}),
    "ip": _COMMON | {"ignore_malformed", "null_value"},
    "boolean": _COMMON | {"ignore_malformed", "null_value"},
    **dict.fromkeys(DATES, _COMMON | {"format", "ignore_malformed", "null_value", "locale"}),
    **dict.fromkeys(INTEGERS, _NUMBER),
    **dict.fromkeys(DECIMALS, _NUMBER),
    "scaled_float": _NUMBER | {"scaling_factor"},
    "alias": frozenset({"type", "path"}),
}
"""The parameters of each field type. Those that change only how a real index stores its data have no effect here."""
_OBJECT_PARAMETERS: Final = frozenset({"type", "properties", "dynamic", "enabled"})
_ROOT_PARAMETERS: Final = frozenset(
    {
        "properties",
        "dynamic",
        "enabled",
        "date_detection",
        "numeric_detection",
        "dynamic_templates",
        "dynamic_date_formats",
        "_meta",
        "_source",
        "_routing",
    }
)


def refused(reason: str) -> ElasticsearchException:
    """A mapping that cannot be: ``mapper_parsing_exception``."""
    return ElasticsearchException("mapper_parsing_exception", reason, status=400)


def parse_mappings(mappings: dict[str, Any]) -> Mapping:
    """The mapping of a create-index body's ``mappings``.

    Raises ElasticsearchException (mapper_parsing_exception, illegal_argument_exception).
    """
    for key, value in mappings.items():
        if key in ("_source", "_routing") and value in ({}, {"enabled": True}, {"required": False}):
            continue
        if key not in _ROOT_PARAMETERS or key in ("_source", "_routing"):
            raise refused(f"Root mapping definition has unsupported parameters:  [{key} : {_show(value)}]")
    mapping = Mapping()
    mapping.root.dynamic = _dynamic(mappings.get("dynamic"), "_doc")
    mapping.root.enabled = _flag(mappings, "enabled", True)
    mapping.date_detection = _flag(mappings, "date_detection", True)
    mapping.numeric_detection = _flag(mappings, "numeric_detection", False)
    mapping.meta = mappings.get("_meta", {})
    if "dynamic_date_formats" in mappings:
        mapping.dynamic_date_formats = tuple(mappings["dynamic_date_formats"])
        for format_ in mapping.dynamic_date_formats:
            DateFormat.of(format_)
    mapping.templates = parse_templates(mappings.get("dynamic_templates", []))
    _properties(mapping, mapping.root, mappings.get("properties", {}))
    for name, target in mapping.aliases.items():
        field = mapping.fields.get(target)
        if field is None or target in mapping.aliases:
            raise refused(
                f"Invalid [path] value [{target}] for field alias [{name}]: an alias must refer to an existing field in the mappings."
            )
        mapping.fields[name] = field
    for field in list(mapping.fields.values()):
        for target in field.copy_to:
            found = mapping.fields.get(target)
            if found is None or found.parent is not None or found.nested != field.nested:
                raise refused(
                    f"[copy_to] of field [{field.name}] to [{target}] is not supported: the target must be a mapped field beside it"
                )
    return mapping


def _properties(mapping: Mapping, parent: ObjectType, properties: Any) -> None:
    if not isinstance(properties, dict):
        raise refused("Expected map for property [properties] on field [_doc] but got a class java.lang.String")
    for key, definition in properties.items():
        if not isinstance(definition, dict):
            raise refused(f"Expected map for property [fields] on field [{key}] but got a class java.lang.String")
        first, dot, rest = key.partition(".")
        if dot:
            _dotted(mapping, parent, first, rest, definition)
        else:
            add_property(mapping, parent, key, definition)


def _dotted(mapping: Mapping, parent: ObjectType, first: str, rest: str, definition: dict[str, Any]) -> None:
    """``"a.b": {...}`` declares b within an object a."""
    if not first or not rest:
        raise refused("name cannot be empty string")
    between = parent.children.get(first)
    if between is None:
        between = ObjectType(parent.path(first), nested=parent.nested)
        mapping.add_object(parent, first, between)
    if isinstance(between, FieldType):
        raise refused(f"can't merge a non object mapping [{between.name}] with an object mapping")
    _properties(mapping, between, {rest: definition})


def add_property(mapping: Mapping, parent: ObjectType, key: str, definition: dict[str, Any]) -> None:
    """Declares one property of an object. Raises ElasticsearchException (mapper_parsing_exception)."""
    name = parent.path(key)
    type_ = definition.get("type", "object" if "properties" in definition or set(definition) <= _OBJECT_PARAMETERS else None)
    if type_ is None:
        raise refused(f"No type specified for field [{key}]")
    if type_ in ("object", "nested"):
        known = parent.children.get(key)
        node = known if isinstance(known, ObjectType) else ObjectType(name, nested=parent.nested)
        for parameter in definition:
            if parameter not in _OBJECT_PARAMETERS:
                raise refused(f"unknown parameter [{parameter}] on mapper [{key}] of type [{type_}]")
        if type_ == "nested":
            node.is_nested, node.nested = True, name
        node.enabled = _flag(definition, "enabled", True)
        node.dynamic = _dynamic(definition.get("dynamic"), name)
        mapping.add_object(parent, key, node)
        _properties(mapping, node, definition.get("properties", {}))
    elif type_ == "alias":
        if "path" not in definition:
            raise refused(f"The [path] property must be specified for field [{name}].")
        mapping.aliases[name] = str(definition["path"])
    else:
        mapping.add_field(parent, key, _leaf(name, key, definition, parent.nested))


def _leaf(name: str, key: str, definition: dict[str, Any], nested: str | None) -> FieldType:
    field = _field(name, name, key, definition, nested)
    for sub_key, sub_definition in definition.get("fields", {}).items():
        sub = _field(f"{name}.{sub_key}", name, sub_key, sub_definition, nested)
        sub.parent = field
        if sub.copy_to or "fields" in sub_definition:
            raise refused(
                "copy_to in multi fields is not allowed. Found the copy_to in field ["
                + sub_key
                + "] which is within a multi field."
            )
        field.subfields.append(sub)
    return field


def _field(name: str, source_path: str, key: str, definition: dict[str, Any], nested: str | None) -> FieldType:
    type_ = definition.get("type")
    allowed = _PARAMETERS.get(str(type_))
    if allowed is None or type_ == "alias":
        raise refused(
            f"The mapper type [{type_}] declared on field [{key}] does not exist. It is not one of those that the in-memory cluster has."
        )
    for parameter in definition:
        if parameter not in allowed:
            raise refused(f"unknown parameter [{parameter}] on mapper [{key}] of type [{type_}]")
    field = FieldType(name, str(type_), source_path, nested=nested)
    field.definition = {parameter: value for parameter, value in definition.items() if parameter != "fields"}
    field.indexed = _flag(definition, "index", True)
    field.doc_values = _flag(definition, "doc_values", True)
    field.ignore_malformed = _flag(definition, "ignore_malformed", False)
    field.coerce = _flag(definition, "coerce", True)
    field.norms = _flag(definition, "norms", True)
    copy_to = definition.get("copy_to", ())
    field.copy_to = (copy_to,) if isinstance(copy_to, str) else tuple(copy_to)
    if field.is_text:
        _text(field, key, definition)
    elif field.is_keyword:
        _keyword(field, key, definition)
    elif field.is_date:
        field.format = definition.get("format")
        DateFormat.of(field.date_format)
        if definition.get("locale", "en") not in ("en", "en_US", "ROOT", ""):
            raise refused(f"[locale] [{definition['locale']}] on mapper [{key}] is not supported")
    elif field.type == "scaled_float":
        if not isinstance(definition.get("scaling_factor"), int | float):
            raise refused("Failed to parse mapping: Field [scaling_factor] is required")
        field.scaling_factor = float(definition["scaling_factor"])
    field.null_value = _null_value(field, definition.get("null_value"))
    return field


def _text(field: FieldType, key: str, definition: dict[str, Any]) -> None:
    field.analyzer = definition.get("analyzer", "standard")
    if field.analyzer == "default":
        field.analyzer = "standard"
    field.search_analyzer = definition.get("search_analyzer", field.analyzer)
    field.search_quote_analyzer = definition.get("search_quote_analyzer", field.search_analyzer)
    for name in (field.analyzer, field.search_analyzer, field.search_quote_analyzer):
        if name not in analysis.NAMES:
            raise refused(f"Failed to parse mapping: analyzer [{name}] has not been configured in mappings")
    if definition.get("index_options", "positions") not in ("positions", "offsets"):
        raise refused(f"[index_options] [{definition['index_options']}] on mapper [{key}] of type [text] is not supported")
    field.position_increment_gap = int(definition.get("position_increment_gap", 100))


def _keyword(field: FieldType, key: str, definition: dict[str, Any]) -> None:
    if field.type == "constant_keyword":
        value = definition.get("value")
        field.value = None if value is None else text_of(value)
        return
    above = definition.get("ignore_above")
    if above is not None:
        field.ignore_above = int(above)
        if field.ignore_above < 0:
            raise refused(f"[ignore_above] must be positive, got [{above}]")
    field.normalizer = definition.get("normalizer")
    if field.normalizer not in (None, "lowercase"):
        raise refused(f"normalizer [{field.normalizer}] not found for field [{key}]")


def _null_value(field: FieldType, value: Any) -> Any:
    if value is not None and field.type == "ip":
        try:
            parse_address(value)
        except MalformedValueError as error:
            raise refused(f"Error parsing [null_value] on field [{field.name}]: {error.reason}") from None
    return value


def _flag(definition: dict[str, Any], key: str, default: bool) -> bool:
    value = definition.get(key, default)
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise refused(f"Failed to parse value [{text_of(value)}] as only [true] or [false] are allowed.")


def _dynamic(value: Any, name: str) -> str | None:
    if value is None:
        return None
    text = text_of(value).lower()
    if text not in ("true", "false", "strict"):
        raise refused(f"[dynamic] [{text}] on [{name}] is not supported")
    return text


def _show(value: Any) -> str:
    return str(value).replace("'", "").replace(": ", "=")
