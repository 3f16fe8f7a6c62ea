# SPDX-License-Identifier: Apache-2.0
"""Holds an OpenAPI document to its form and real requests and answers to its schemas.

usage: openapi_check.py DOCUMENT SAMPLES

SAMPLES: a JSON array of {method, pattern, status, content_type, request, body}. Prints each complaint on
a line of its own and ends with 1 if there is one.
"""
import json
import re
import sys

from jsonschema import Draft202012Validator

METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}


def resolve(document, reference):
    place = document
    for part in reference.removeprefix("#/").split("/"):
        place = place[part]
    return place


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def errors_of(document, schema, value):
    whole = dict(schema, components=document["components"])
    for error in Draft202012Validator(whole).iter_errors(value):
        yield f"{'/'.join(map(str, error.absolute_path))}: {error.message}"


def check_operation(document, path, method, operation, ids):
    name = f"{method.upper()} {path}"
    for member in ("operationId", "summary", "tags", "responses", "security"):
        if member not in operation:
            yield f"{name}: no {member}"
    if operation.get("operationId") in ids:
        yield f"{name}: its operationId is another's"
    ids.add(operation.get("operationId"))
    declared = [p["name"] for p in operation.get("parameters", []) if p["in"] == "path"]
    if declared != re.findall(r"{(\w+)}", path):
        yield f"{name}: the path's parameters are {declared}"
    places = [(p["in"], p["name"]) for p in operation.get("parameters", [])]
    if len(places) != len(set(places)):
        yield f"{name}: a parameter stands twice"
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path" and parameter.get("required") is not True:
            yield f"{name}: {parameter['name']} is of the path and not required"
        Draft202012Validator.check_schema(parameter["schema"])
    statuses = operation.get("responses", {})
    if not any(s.startswith(("2", "3")) for s in statuses):
        yield f"{name}: no success"
    if not any(s.startswith(("4", "5")) for s in statuses):
        yield f"{name}: no error"
    for status, response in statuses.items():
        if not re.fullmatch(r"[1-5]\d\d", status) or not response.get("description"):
            yield f"{name}: {status} is no status or says nothing"
    for requirement in operation.get("security", []):
        for scheme in requirement:
            if scheme not in document["components"]["securitySchemes"]:
                yield f"{name}: there is no security scheme {scheme}"


def check_document(document):
    if not re.fullmatch(r"3\.1\.\d+", document.get("openapi", "")):
        yield "openapi is not 3.1.x"
    for member in ("title", "version"):
        if not document.get("info", {}).get(member):
            yield f"info has no {member}"
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
    for reference in set(references(document)):
        try:
            resolve(document, reference)
        except (KeyError, TypeError):
            yield f"{reference} leads nowhere"
    used = set(references(document["paths"])) | set(references(document["components"]))
    for name in document["components"]["schemas"]:
        if f"#/components/schemas/{name}" not in used:
            yield f"the schema {name} is used nowhere"
    ids = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method not in METHODS:
                yield f"{path}: {method} is no method"
            yield from check_operation(document, path, method, operation, ids)


def check_sample(document, sample):
    name = f"{sample['method']} {sample['pattern']} {sample['status']}"
    operation = document["paths"].get(sample["pattern"], {}).get(sample["method"].lower())
    if operation is None:
        yield f"{name}: not in the document"
        return
    response = operation["responses"].get(str(sample["status"]))
    if response is None:
        yield f"{name}: the status is not declared: {sample['body'][:300]}"
        return
    content = response.get("content", {})
    kind = sample["content_type"].split(";")[0]
    if not content:
        if sample["body"]:
            yield f"{name}: a body that is not declared"
        return
    if kind not in content:
        yield f"{name}: {kind} is none of {list(content)}"
        return
    if kind.endswith("json"):
        for error in errors_of(document, content[kind]["schema"], json.loads(sample["body"])):
            yield f"{name}: {error}"
    if sample["status"] < 300 and "requestBody" in operation and sample["request"]:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        for error in errors_of(document, schema, json.loads(sample["request"])):
            yield f"{name}, its request: {error}"


def check_coverage(document, samples):
    for path, operations in document["paths"].items():
        for method in operations:
            seen = {s["status"] for s in samples
                    if s["pattern"] == path and s["method"].lower() == method}
            if not any(s < 400 for s in seen):
                yield f"{method.upper()} {path}: no success was seen"
            if not any(s >= 400 for s in seen):
                yield f"{method.upper()} {path}: no error was seen"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        samples = json.load(file)
    complaints = list(check_document(document))
    for sample in samples:
        complaints += check_sample(document, sample)
    complaints += check_coverage(document, samples)
    print("\n".join(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
