// The REST layer against a server that is played by a function: refresh, repetition, errors.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SoukLoop, SoukLoopError, browserStore, memoryStore, type ClientOptions, type Tokens } from "@soukloop/client";

interface Call {
  method: string;
  path: string;
  headers: Headers;
  body: unknown;
}

const HOUR = 3_600_000;
const valid: Tokens = { accessToken: "a1", refreshToken: "r1", expiresAt: Date.now() + HOUR };
const renewed = { access_token: "a2", refresh_token: "r2", token_type: "bearer", expires_in: 1800 };
const ok = (data: unknown) => Response.json({ success: true, data });
const refuse = (status: number, code: string, details = {}, headers = {}) =>
  Response.json({ success: false, error: { code, message: "No.", details } }, { status, headers });

/** Make a client whose requests are answered by a function, and the list of those requests. */
function played(answer: (call: Call, number: number) => Response, options: Partial<ClientOptions> = {}) {
  const calls: Call[] = [];
  const fetch = async (url: string, request: RequestInit) => {
    const body = typeof request.body === "string" ? JSON.parse(request.body) : undefined;
    const path = new URL(url).pathname + new URL(url).search;
    calls.push({ method: request.method!, path, headers: new Headers(request.headers), body });
    return answer(calls.at(-1)!, calls.length);
  };
  const store = memoryStore(valid);
  return { client: new SoukLoop({ baseUrl: "http://api.test/", store, fetch: fetch as never, ...options }), calls, store };
}

const thrown = async (call: Promise<unknown>) => {
  const error = await call.then(() => undefined, (reason: unknown) => reason);
  assert(error instanceof SoukLoopError);
  return error;
};
const lost = () => {
  throw new TypeError("fetch failed");
};

test("paths, queries, language and the token are put where they belong", async () => {
  const { client, calls } = played(() => ok({ id: "p1" }), { language: "ar" });
  await client.get("/products/{product_id}", { path: { product_id: "a/b" } });
  await client.get("/search", { query: { q: "nike & jordan", min_price: 5 } });
  assert.deepEqual(calls.map((call) => call.path), [
    "/api/v1/products/a%2Fb",
    "/api/v1/search?q=nike+%26+jordan&min_price=5",
  ]);
  assert.equal(calls[0]!.headers.get("Authorization"), "Bearer a1");
  assert.equal(calls[0]!.headers.get("Accept-Language"), "ar");
});

test("a file comes as a blob, its refusal and a page in place of an answer as errors", async () => {
  const answers = [
    new Response("%PDF", { headers: { "Content-Type": "application/pdf" } }),
    refuse(404, "not_found"),
    new Response("<p>Log in to this network</p>", { headers: { "Content-Type": "text/html" } }),
  ];
  const { client } = played((_, number) => answers[number - 1]!);
  const path = { document_id: "d1" };
  assert.equal(await (await client.get("/documents/{document_id}.pdf", { path })).text(), "%PDF");
  assert.equal((await thrown(client.get("/documents/{document_id}.pdf", { path }))).code, "not_found");
  assert.equal((await thrown(client.get("/auth/me"))).code, "unexpected_answer");
});

test("many calls with an expired token share one refresh", async () => {
  const { client, calls } = played((call) => ok(call.path.endsWith("/refresh") ? renewed : {}), {
    store: memoryStore({ ...valid, expiresAt: Date.now() - 1 }),
  });
  await Promise.all(Array.from({ length: 20 }, () => client.get("/auth/me")));
  assert.equal(calls.filter((call) => call.path.endsWith("/refresh")).length, 1);
  assert(calls.slice(1).every((call) => call.headers.get("Authorization") === "Bearer a2"));
});

test("a token that the server finds expired is refreshed once, and the request repeated", async () => {
  const { client, calls } = played((call) => {
    if (call.path.endsWith("/refresh")) return ok(renewed);
    return call.headers.get("Authorization") === "Bearer a2" ? ok({ id: "me" }) : refuse(401, "token_expired");
  });
  assert.equal((await client.get("/auth/me")).id, "me");
  assert.equal(calls.length, 3);
});

test("a login that has ended forgets its tokens and says so; a wrong password does not", async () => {
  const reasons: string[] = [];
  const onSignedOut = (reason: SoukLoopError) => void reasons.push(reason.code);
  const ended = played(() => refuse(401, "token_revoked"), { onSignedOut });
  await thrown(ended.client.get("/auth/me"));
  assert.deepEqual([reasons, await ended.client.accessToken()], [["token_revoked"], null]);
  const mistyped = played(() => refuse(401, "invalid_credentials"), { onSignedOut });
  await thrown(mistyped.client.delete("/products/{product_id}", { path: { product_id: "p1" } }));
  assert.deepEqual([reasons.length, await mistyped.client.accessToken()], [1, "a1"]);
});

test("a guest's read goes on after the login has ended, another throws the end", async () => {
  const reasons: string[] = [];
  const onSignedOut = (reason: SoukLoopError) => void reasons.push(reason.code);
  const answer = (call: Call) => {
    if (call.headers.has("Authorization") || call.path.endsWith("/refresh")) return refuse(401, "token_invalid");
    return call.path.endsWith("/badges") ? ok({ mine: 0 }) : refuse(401, "not_authenticated");
  };
  for (const expiresAt of [valid.expiresAt, 0]) {
    const stored = { ...valid, expiresAt };
    const reading = played(answer, { onSignedOut, store: memoryStore(stored) });
    assert.deepEqual(await reading.client.get("/badges"), { mine: 0 });
    const mine = played(answer, { onSignedOut, store: memoryStore(stored) });
    assert.equal((await thrown(mine.client.get("/auth/me"))).code, "token_invalid");
    const writing = played(answer, { onSignedOut, store: memoryStore(stored) });
    assert.equal((await thrown(writing.client.post("/offers", { body: {} as never }))).code, "token_invalid");
    assert(writing.calls.every((call) => call.headers.has("Authorization") || call.path.endsWith("/refresh")));
  }
  assert.deepEqual(reasons, Array(6).fill("token_invalid"));
});

test("an answer to the tokens of an earlier login leaves those of a later one", async () => {
  const store = memoryStore(valid);
  const { client } = played(() => {
    void store.save({ ...valid, accessToken: "a9" }); // meanwhile
    return refuse(401, "token_revoked");
  }, { store });
  await thrown(client.post("/offers", { body: {} as never }));
  assert.equal(await client.accessToken(), "a9");
});

test("damaged tokens count as none", async () => {
  for (const stored of [{}, { accessToken: 5 }, "x", undefined]) {
    const { client, calls } = played(() => ok({}), { store: memoryStore(stored as never) });
    await client.get("/badges");
    assert.equal(calls[0]!.headers.has("Authorization"), false);
    assert.equal(await client.isLoggedIn(), false);
  }
  Object.assign(globalThis, { localStorage: { getItem: () => "{broken" } });
  assert.equal(await browserStore().load(), null);
});

test("errors of the client itself are in the language that was chosen, and can be changed", async () => {
  const { client } = played(lost, { language: "ar", retries: 0 });
  const changes: string[] = [];
  client.onIdentityChange(() => void changes.push(client.language!));
  assert.match((await thrown(client.get("/badges"))).message, /[ء-ي]/);
  client.setLanguage("en");
  assert.equal((await thrown(client.get("/badges"))).message, "The server can't be reached.");
  assert.deepEqual(changes, ["en"]);
});

test("a refresh whose answer was lost is repeated with the same token", async () => {
  const { client, calls } = played((_call, number) => (number === 1 ? lost() : ok(renewed)));
  assert.equal((await client.refresh()).accessToken, "a2");
  assert.deepEqual(calls.map((call) => call.body), [{ refresh_token: "r1" }, { refresh_token: "r1" }]);
});

test("an unanswered request with a key is repeated with the same key", async () => {
  const { client, calls } = played((_call, number) => (number === 1 ? lost() : ok({ id: "o1" })));
  await client.post("/offers", { body: { product_id: "p1", offered_price: 700 } });
  const keys = calls.map((call) => call.headers.get("Idempotency-Key"));
  assert.equal(keys.length, 2);
  assert(keys[0]);
  assert.equal(keys[0], keys[1]);
  await client.post("/offers", { body: { product_id: "p1", offered_price: 700 } });
  assert.notEqual(calls[2]!.headers.get("Idempotency-Key"), keys[0]);
});

test("an unanswered request that would have a second effect is not repeated", async () => {
  const { client, calls } = played(lost);
  const error = await thrown(client.post("/auth/send-otp", { body: { identifier: "a@b.c", type: "email" } }));
  assert.deepEqual([error.code, error.status, calls.length], ["network_error", 0, 1]);
});

test("a busy server is asked again after the time that it names, but not after minutes", async () => {
  const times: number[] = [];
  const { client } = played((_call, number) => {
    times.push(Date.now());
    return number === 1 ? refuse(503, "busy", {}, { "Retry-After": "1" }) : ok({});
  });
  await client.get("/badges");
  assert(times[1]! - times[0]! >= 1000);
  const limited = played(() => refuse(429, "rate_limited", { retry_after: 60 }));
  const error = await thrown(limited.client.get("/badges"));
  assert.deepEqual([error.retryAfter, error.isTemporary, limited.calls.length], [60, true, 1]);
});

test("what was deleted by a request whose answer was lost is deleted", async () => {
  const { client } = played((_call, number) => (number === 1 ? lost() : refuse(404, "product_not_found")));
  assert.equal(await client.delete("/products/{product_id}", { path: { product_id: "p1" } }), undefined);
});

test("wrong fields are in the error's details", async () => {
  const { client } = played(() => refuse(400, "validation_error", { price: ["Too low."] }, { "X-Request-ID": "x1" }));
  const error = await thrown(client.patch("/products/{product_id}", { path: { product_id: "p1" }, body: {} }));
  assert.deepEqual([error.code, error.details, error.requestId], ["validation_error", { price: ["Too low."] }, "x1"]);
});
