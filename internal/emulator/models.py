"""Holds each request against AWS's own model of the operation, which botocore has: moto accepts what AWS refuses."""

import json
import threading
from collections import Counter
from xml.etree import ElementTree

import regex
from botocore.exceptions import UnknownServiceError
from botocore.serialize import create_serializer
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.utils import get_service_model

calls, violations, lock = Counter(), set(), threading.Lock()

NUMBERS = {"integer": int, "long": int, "float": (int, float), "double": (int, float)}
TYPES = NUMBERS | {"structure": dict, "map": dict, "list": list, "string": str, "blob": (bytes, str), "boolean": bool}


def broken_rules(shape, value, path=""):
    """Yields what AWS would refuse in a parameter."""
    kind, rules = shape.type_name, shape.metadata
    shown = f"{path} = " + ("(sensitive)" if rules.get("sensitive") else repr(value)[:80])
    if not isinstance(value, TYPES.get(kind, object)) or isinstance(value, bool) != (kind == "boolean"):
        yield f"{shown}: is not of the type {kind}"
        return
    size = value if kind in NUMBERS else len(value) if hasattr(value, "__len__") else 0
    if "min" in rules and size < rules["min"] or "max" in rules and size > rules["max"]:
        yield f"{shown}: value or length is not between {rules.get('min', 'any')} and {rules.get('max', 'any')}"
    if rules.get("enum") and value not in rules["enum"]:
        yield f"{shown}: is not one of {', '.join(rules['enum'])}"
    # Java writes what is beyond the first plane of Unicode as pairs of surrogates.
    pattern = rules.get("pattern", "").replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    if kind == "string" and pattern and not regex.fullmatch(pattern, value):
        yield f"{shown}: does not match {rules['pattern']}"
    if kind == "structure":
        given = {name: member for name, member in value.items() if member is not None}
        yield from (f"{path}.{name}: is required" for name in shape.required_members if name not in given)
        parts = [(shape.members[name], member, "." + name) for name, member in given.items()]
    elif kind == "map":
        parts = [part for key, item in value.items() for part in (
            (shape.key, key, ".(key)"), (shape.value, item, f".{key}"))]
    else:
        parts = [(shape.member, item, f"[{index}]") for index, item in enumerate(value)] if kind == "list" else []
    for part, item, name in parts:
        yield from broken_rules(part, item, path + name)


def leaves(value, path=""):
    """Yields every value of a document with its path."""
    parts = []
    if isinstance(value, ElementTree.Element):
        path += "." + value.tag.split("}")[-1]
        parts, value = [(path, part) for part in value], value.text or ""
    elif isinstance(value, dict):
        parts = [(f"{path}.{key}", part) for key, part in value.items() if part is not None]
    elif isinstance(value, list):
        parts = [(f"{path}[{index}]", part) for index, part in enumerate(value)]
    if not parts:
        yield path, value
    for path, part in parts:
        yield from leaves(part, path)


def read_request(response):
    """Returns what a request asks, as AWS's model of the operation reads it, and that with the protocol."""
    request, service = response.normalized_request, get_service_model(response.boto3_service_name)
    operation = service.operation_model(response._get_action())
    protocol = determine_request_protocol(service, request.content_type)
    return PROTOCOL_PARSERS[protocol](operation).parse({
        "method": request.method, "values": request.values, "headers": request.headers, "body": request.data,
        "url_path": request.path, "url_params": response.uri_match}), operation, protocol


def problems(response):
    given, operation, protocol = read_request(response)
    request, shape = response.normalized_request, operation.input_shape
    if not shape:
        return
    broken = list(broken_rules(shape, given))
    yield from broken
    payload = shape.members.get(shape.serialization.get("payload"))
    if broken or payload and payload.type_name in ("blob", "string"):
        return
    # What the parameters are when they are written again lacks what moto did not read of the request.
    again = create_serializer(protocol, include_validation=False).serialize_to_request(given, operation)["body"]
    if protocol in ("query", "ec2"):
        raw, again = request.values.to_dict(), {name: str(value) for name, value in again.items()}
    else:
        read = ElementTree.fromstring if protocol == "rest-xml" else json.loads
        raw, again = (read(text) if text else {} for text in (request.data, again))
    known = dict(leaves(again))
    for path, value in leaves(raw):
        kinds = {type(value), type(known.get(path))}
        if path not in known:
            yield f"{path}: is not a member"
        elif len(kinds) > 1 and kinds != {int, float} or known[path] in ("true", "false") and value != known[path]:
            yield f"{path} = {value!r}: is not of the type that the model says"


def note(response):
    """Counts a request, which moto has parsed, and notes what AWS would refuse in it."""
    try:
        name = f"{response.boto3_service_name}:{response._get_action()}"
        found = list(problems(response))
    except UnknownServiceError:  # a page of moto's own
        return
    except Exception as error:  # what cannot be read is what AWS refuses
        found = [f": cannot be read: {error!r}"]
    with lock:
        calls[name] += 1
        violations.update(name + problem for problem in found)


def summary(_):
    """All calls since the emulator was started."""
    with lock:
        return {"calls": calls.total(), "operations": dict(calls), "violations": sorted(violations)}
