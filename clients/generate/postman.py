"""The Postman collection: a journey whose requests follow one another, then every operation by its tag."""

import json
from typing import Any

from clients.generate.descriptions import PREFIX, VERSION, Operation, RestDescription, Schema, camel

Item = dict[str, Any]

JOURNEY = "Journey"
_HERE = {"latitude": 25.0772, "longitude": 55.1369}
_PASSWORD = "Marina-2026!"  # noqa: S105 - of people that each run makes


def _person(role: str) -> Schema:
    return {
        "email": f"{role}_{{{{suffix}}}}@example.com",
        "username": f"{role}_{{{{suffix}}}}",
        "password": _PASSWORD,
        "full_name": f"A {role}",
        "role": role,
    }


# Each step's request, with the status that it must get, whose token it has, and what is kept of the data.
_STEPS: list[dict[str, Any]] = [
    {
        "name": "Register a seller",
        "request": "POST /auth/register",
        "status": 201,
        "body": _person("seller"),
        "keep": {"sellerToken": "access_token", "sellerId": "user.id"},
    },
    {
        "name": "Register a buyer",
        "request": "POST /auth/register",
        "status": 201,
        "body": _person("buyer"),
        "keep": {"accessToken": "access_token", "refreshToken": "refresh_token"},
    },
    {
        "name": "Log in",
        "request": "POST /auth/login",
        "body": {"identifier": "buyer_{{suffix}}", "password": _PASSWORD},
        "keep": {"accessToken": "access_token", "refreshToken": "refresh_token"},
    },
    {
        "name": "Refresh the tokens",
        "request": "POST /auth/refresh",
        "body": {"refresh_token": "{{refreshToken}}"},
        "keep": {"accessToken": "access_token", "refreshToken": "refresh_token"},
    },
    {"name": "Read your own account", "request": "GET /auth/me", "keep": {"userId": "id"}},
    {
        "name": "List a product",
        "request": "POST /products",
        "status": 201,
        "as": "sellerToken",
        "body": {
            "title": "Nike Air Jordan {{suffix}}",
            "description": "Size 42, never worn.",
            "price": 850.0,
            "category": "sneakers",
            "condition": "new",
            "feed_type": "community",
            "neighborhood": "Dubai Marina",
            "location": _HERE,
        },
        "keep": {"productId": "id"},
    },
    {
        "name": "Browse nearby",
        "request": "GET /feeds/community",
        "query": {**_HERE, "radius_km": 5, "sort": "nearest"},
    },
    {"name": "Search", "request": "GET /search", "query": {"q": "jordan {{suffix}}"}},
    {
        "name": "Open a conversation",
        "request": "POST /conversations",
        "status": 201,
        "body": {
            "other_user_id": "{{sellerId}}",
            "product_id": "{{productId}}",
            "initial_message": "Is this still available?",
        },
        "keep": {"conversationId": "id"},
    },
    {
        "name": "Answer",
        "request": "POST /conversations/{conversation_id}/messages",
        "status": 201,
        "as": "sellerToken",
        "body": {"message_type": "text", "content": "It is."},
    },
    {
        "name": "Make an offer",
        "request": "POST /offers",
        "status": 201,
        "body": {"product_id": "{{productId}}", "offered_price": 750.0, "message": "750 today?"},
        "keep": {"offerId": "id"},
    },
    {"name": "Accept the offer", "request": "PATCH /offers/{offer_id}/accept", "as": "sellerToken"},
    {
        "name": "Order what was agreed, to be paid in person",
        "request": "POST /orders",
        "status": 201,
        "body": {"offer_id": "{{offerId}}", "payment_method": "in_person", "delivery": "meet_up"},
        "keep": {"orderId": "id"},
    },
    {
        "name": "Read the order and the buyer's code",
        "request": "GET /orders/{order_id}",
        "keep": {"handOverCode": "hand_over_code"},
    },
    {
        "name": "Enter the code",
        "request": "POST /orders/{order_id}/hand-over",
        "as": "sellerToken",
        "body": {"code": "{{handOverCode}}"},
    },
    {"name": "Confirm that it was received", "request": "POST /orders/{order_id}/confirm"},
    {
        "name": "Plan a stream",
        "request": "POST /streams",
        "status": 201,
        "as": "sellerToken",
        "body": {"title": "Sneakers, half price", "category": "sneakers", "audience": "everyone"},
        "keep": {"streamId": "streamId"},
    },
    {
        "name": "Go live",
        "request": "POST /streams/{stream_id}/go-live",
        "as": "sellerToken",
        "body": {"camera_ready": True, "checklist_complete": True},
    },
    {"name": "Watch what is live", "request": "GET /streams/live"},
    {"name": "End the stream", "request": "POST /streams/{stream_id}/end", "as": "sellerToken"},
    {"name": "Read the notifications", "request": "GET /notifications", "as": "sellerToken"},
    {"name": "Read the numbers of the app's badges", "request": "GET /badges", "as": "sellerToken"},
]
_SUFFIX = 'pm.collectionVariables.set("suffix", Date.now().toString(36) + Math.floor(Math.random() * 1e4));'


def postman_files(rest: RestDescription) -> dict[str, str]:
    """Return the collection by its path."""
    text = json.dumps(_collection(rest), indent=1, ensure_ascii=False)
    return {"clients/postman/soukloop.postman_collection.json": text + "\n"}


def _collection(rest: RestDescription) -> Item:
    by_request = {f"{each.method.upper()} {each.path}": each for each in rest.operations}
    journey = [_step(by_request[step["request"]], step) for step in _STEPS]
    journey[0]["event"].insert(0, _script("prerequest", [_SUFFIX]))
    tags: dict[str, list[Item]] = {}
    for operation in rest.operations:
        tags.setdefault(operation.tag, []).append(_item(rest, operation))
    about = "Run it from the first request to the last: each keeps what the next ones need."
    return {
        "info": {
            "name": f"Souk Loop {VERSION}",
            "description": "Generated from the API's description. Set `baseUrl` to your server.",
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "auth": _bearer("accessToken"),
        "variable": [{"key": "baseUrl", "value": "http://localhost:8000"}],
        "item": [
            {"name": JOURNEY, "description": about, "item": journey},
            *({"name": tag, "item": items} for tag, items in sorted(tags.items())),
        ],
    }


def _step(operation: Operation, step: dict[str, Any]) -> Item:
    status = step.get("status", 200)
    lines = [
        f'pm.test("answers {status}", () => pm.response.to.have.status({status}));',
        'pm.test("succeeds", () => pm.expect(pm.response.json().success).to.equal(true));',
    ]
    if keep := step.get("keep"):
        lines.append("const answer = pm.response.json().data;")
        lines += [f'pm.collectionVariables.set("{name}", answer.{path});' for name, path in keep.items()]
    query = [_pair(name, value) for name, value in step.get("query", {}).items()]
    request = _request(operation, step.get("body"), query)
    if "as" in step:
        request["auth"] = _bearer(step["as"])
    return {"name": step["name"], "event": [_script("test", lines)], "request": request}


def _item(rest: RestDescription, operation: Operation) -> Item:
    query = [
        _pair(each["name"], each.get("example", ""), disabled=not each.get("required", False))
        for each in operation.parameters("query")
    ]
    body = operation.example
    if body is None and operation.body is not None:
        body = sample(rest, operation.body)
    return {"name": operation.summary, "request": _request(operation, body, query)}


def _request(operation: Operation, body: Any, query: list[Item]) -> Item:
    path = (PREFIX + operation.path).strip("/").replace("{", ":").replace("}", "").split("/")
    url: Item = {"host": ["{{baseUrl}}"], "path": path}
    if query:
        url["query"] = query
    if names := [each["name"] for each in operation.parameters("path")]:
        url["variable"] = [_pair(name, f"{{{{{camel(name)}}}}}") for name in names]
    enabled = "&".join(f"{each['key']}={each['value']}" for each in query if not each.get("disabled"))
    url["raw"] = f"{{{{baseUrl}}}}/{'/'.join(path)}" + (f"?{enabled}" if enabled else "")
    request: Item = {"method": operation.method.upper(), "header": [], "url": url}
    if operation.takes_key:
        request["header"].append(_pair("Idempotency-Key", "{{$guid}}"))
    if not operation.needs_login:
        request["auth"] = {"type": "noauth"}
    if operation.takes_file:
        request["body"] = {"mode": "formdata", "formdata": [{"key": "image", "type": "file", "src": None}]}
    elif body is not None:
        raw = json.dumps(body, indent=2, ensure_ascii=False)
        request["body"] = {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}
    return request


def _pair(key: str, value: Any, *, disabled: bool = False) -> Item:
    pair: Item = {"key": key, "value": str(value)}
    return pair | {"disabled": True} if disabled else pair


def _bearer(variable: str) -> Item:
    return {
        "type": "bearer",
        "bearer": [{"key": "token", "value": f"{{{{{variable}}}}}", "type": "string"}],
    }


def _script(listen: str, lines: list[str]) -> Item:
    return {"listen": listen, "script": {"type": "text/javascript", "exec": lines}}


def sample(rest: RestDescription, schema: Schema) -> Any:
    """Return a value that a schema describes, with its required members alone."""
    schema = rest.resolve(schema)
    match schema:
        case {"example": value} | {"const": value} | {"default": value} | {"enum": [value, *_]}:
            return value
        case {"allOf": [one, *_]} | {"oneOf": [one, *_]} | {"anyOf": [one, *_]}:
            return sample(rest, one)
        case {"type": [kind, *_]}:
            return sample(rest, {**schema, "type": kind})
        case {"type": "object"}:
            members = schema.get("properties", {})
            return {name: sample(rest, members[name]) for name in schema.get("required", [])}
        case {"type": "array"}:
            return [sample(rest, schema.get("items", {}))]
        case {"type": "integer" | "number"}:
            return schema.get("minimum", 1)
        case {"type": "boolean"}:
            return True
        case {"format": "uuid"}:
            return "00000000-0000-0000-0000-000000000000"
        case {"format": "date-time"}:
            return "2026-01-01T18:00:00Z"
        case _:
            return "text"
