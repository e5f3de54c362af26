import { SoukLoopError, errorOf, ownError } from "./errors.js";
import { idempotentOperations } from "./generated/idempotent.js";
import { areTokens, exclusively, memoryStore } from "./tokens.js";
const PREFIX = "/api/v1";
const EARLY = 30_000; // an access token is refreshed this long before it expires
const LONGEST_WAIT = 10; // seconds; a longer Retry-After is for the person to decide
// These take no login, and a token that has expired must not get in their way.
const WITHOUT_LOGIN = ["/auth/register", "/auth/login", "/auth/refresh", "/auth/reset-password"];
/** Wait about `2 ** attempt` quarters of a second, at most 8 s, each client a different time. */
export function backoff(attempt, atLeast = 0) {
    const longest = Math.min(250 * 2 ** attempt, 8000);
    const time = atLeast * 1000 + longest * (0.5 + Math.random() / 2);
    return new Promise((resolve) => setTimeout(resolve, time));
}
/** Return a random UUID, also on a page without HTTPS, where browsers have no `crypto.randomUUID`. */
export function uuid() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
/** The REST API: typed by its description, with refresh of tokens and repetition of what failed. */
export class SoukLoop {
    baseUrl;
    #store;
    #options;
    #changes = new Set();
    #language;
    #refreshing;
    constructor(options) {
        this.#options = options;
        this.#store = options.store ?? memoryStore();
        this.baseUrl = options.baseUrl.replace(/\/+$/, "");
        this.#language = options.language;
    }
    get language() {
        return this.#language;
    }
    /** Choose the language of what is asked for from now on; a connected socket connects again with it. */
    setLanguage(language) {
        if (language === this.#language)
            return;
        this.#language = language;
        this.#changed();
    }
    /** Choose the language of the account, and return it. */
    async useAccountLanguage() {
        const { language } = await this.get("/auth/me");
        this.setLanguage(language);
        return language;
    }
    /** Whether there are tokens of a login, valid or not. */
    async isLoggedIn() {
        return (await this.#load()) !== null;
    }
    /**
     * Call a function when a login begins or ends by this object, or the language changes; returns a function that ends
     * this. Logins of other tabs are not noticed.
     */
    onIdentityChange(handler) {
        this.#changes.add(handler);
        return () => void this.#changes.delete(handler);
    }
    get(path, ...rest) {
        return this.#call("get", path, rest[0]);
    }
    post(path, ...rest) {
        return this.#call("post", path, rest[0]);
    }
    patch(path, ...rest) {
        return this.#call("patch", path, rest[0]);
    }
    put(path, ...rest) {
        return this.#call("put", path, rest[0]);
    }
    delete(path, ...rest) {
        return this.#call("delete", path, rest[0]);
    }
    /** Register an account and keep its tokens; returns the account. */
    async register(...[options]) {
        const answer = await this.post("/auth/register", options);
        await this.#keep(answer);
        this.#changed();
        return answer.user;
    }
    /** Log in by username, email or phone number, and keep the tokens. */
    async login(identifier, password) {
        await this.#keep(await this.post("/auth/login", { body: { identifier, password } }));
        this.#changed();
    }
    /** End this login on the server, and forget its tokens even if the server can't be reached. */
    async logout() {
        const tokens = await this.#load();
        await this.forget();
        if (tokens) {
            const headers = { Authorization: `Bearer ${tokens.accessToken}` };
            await this.#send("POST", "/auth/logout", { headers, body: { refresh_token: tokens.refreshToken } });
        }
    }
    /** Forget the tokens of a login that the server has ended, or of an account that was deleted. */
    async forget() {
        await this.#store.save(null);
        this.#changed();
    }
    /** Return an access token that is valid for some seconds more, or null for a guest. */
    async accessToken() {
        const tokens = await this.#load();
        if (tokens === null)
            return null;
        return tokens.expiresAt - EARLY > Date.now() ? tokens.accessToken : (await this.refresh()).accessToken;
    }
    /** Exchange the refresh token. Calls at the same time share one exchange, as do a browser's tabs. */
    refresh() {
        this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = undefined));
        return this.#refreshing;
    }
    async #refresh() {
        const before = await this.#load();
        return exclusively("soukloop-refresh", async () => {
            const tokens = await this.#load();
            if (tokens === null)
                throw ownError("not_authenticated", this.#language);
            if (tokens.refreshToken !== before?.refreshToken)
                return tokens; // another tab was first
            try {
                const body = { refresh_token: tokens.refreshToken };
                return await this.#keep((await this.#send("POST", "/auth/refresh", { body })));
            }
            catch (error) {
                if (isEndOfLogin(error))
                    await this.#signOut(error, tokens.accessToken);
                throw error;
            }
        });
    }
    async #load() {
        const stored = await this.#store.load();
        return areTokens(stored) ? stored : null;
    }
    /** Forget a login that has ended, unless another has begun meanwhile. */
    async #signOut(reason, accessToken) {
        if ((await this.#load())?.accessToken !== accessToken)
            return;
        await this.#store.save(null);
        this.#options.onSignedOut?.(reason);
    }
    #changed() {
        for (const handler of this.#changes)
            handler();
    }
    async #keep(answer) {
        const tokens = {
            accessToken: answer.access_token,
            refreshToken: answer.refresh_token,
            expiresAt: Date.now() + answer.expires_in * 1000,
        };
        await this.#store.save(tokens);
        return tokens;
    }
    async #call(method, path, options) {
        return (await this.#send(method.toUpperCase(), path, (options ?? {})));
    }
    async #send(method, path, options) {
        const url = this.baseUrl + PREFIX + fill(path, options.path) + queryOf(options.query);
        const headers = new Headers({ Accept: "application/json", ...options.headers });
        if (this.#language)
            headers.set("Accept-Language", this.#language);
        const hasKey = idempotentOperations.includes(`${method} ${path}`);
        if (hasKey)
            headers.set("Idempotency-Key", options.idempotencyKey ?? uuid());
        let body = options.body;
        if (body !== undefined && !(body instanceof FormData)) {
            headers.set("Content-Type", "application/json");
            body = JSON.stringify(body);
        }
        const isOurs = !headers.has("Authorization") && !WITHOUT_LOGIN.includes(path);
        // What is carried out a second time must do nothing more: only then may an unanswered request be repeated.
        const isRepeatable = method !== "POST" || hasKey || path === "/auth/refresh";
        const retries = this.#options.retries ?? 4;
        let isFresh = false;
        let ended;
        // What guests may read is read as a guest once the login has ended.
        const goOnAsGuest = (error) => {
            if (method !== "GET" || ended || !isEndOfLogin(error))
                throw error;
            ended = error;
            headers.delete("Authorization");
            return null;
        };
        for (let attempt = 0;; attempt++) {
            const token = isOurs && !ended ? await this.accessToken().catch(goOnAsGuest) : null;
            if (token)
                headers.set("Authorization", `Bearer ${token}`);
            let error;
            try {
                const response = await this.#fetch(url, { method, headers, body: body ?? null }, options.signal);
                if (response.ok)
                    return await (isFile(path, response) ? response.blob() : dataOf(response, this.#language));
                error = await refusalOf(response, this.#language);
            }
            catch (cause) {
                if (options.signal?.aborted || cause instanceof SoukLoopError)
                    throw cause;
                const isLate = cause instanceof DOMException && cause.name === "TimeoutError";
                error = ownError(isLate ? "timeout" : "network_error", this.#language, { cause });
            }
            if (error.code === "token_expired" && token && !isFresh) {
                isFresh = true; // once, whatever this device's clock says
                await this.refresh().catch(goOnAsGuest);
                continue;
            }
            if (ended && error.code === "not_authenticated")
                throw ended; // guests may not read this
            // Not for a wrong password, which is 401 too.
            if (token && error.status === 401 && /^(token|account)_/.test(error.code)) {
                await this.#signOut(error, token);
                goOnAsGuest(error);
                continue;
            }
            if (attempt > 0 && method === "DELETE" && error.status === 404)
                return undefined; // the lost answer said so
            const wasRefused = error.status === 429 || error.code === "busy"; // nothing was carried out
            const isTooLong = (error.retryAfter ?? 0) > LONGEST_WAIT;
            const mayRepeat = wasRefused || (isRepeatable && (error.status === 0 || error.status >= 502));
            if (!mayRepeat || isTooLong || attempt >= retries)
                throw error;
            await backoff(attempt, error.retryAfter);
        }
    }
    async #fetch(url, request, signal) {
        const timeout = AbortSignal.timeout(this.#options.timeout ?? 20_000);
        const both = signal ? AbortSignal.any([signal, timeout]) : timeout;
        const send = this.#options.fetch ?? globalThis.fetch;
        return send(url, { ...request, signal: both });
    }
}
function fill(path, values = {}) {
    return path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String(values[name])));
}
function queryOf(values = {}) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(values)) {
        for (const each of Array.isArray(value) ? value : [value]) {
            if (each !== undefined && each !== null)
                query.append(name, String(each));
        }
    }
    return query.size ? `?${query}` : "";
}
function isEndOfLogin(error) {
    return error instanceof SoukLoopError && ([401, 403].includes(error.status) || error.code === "not_authenticated");
}
/** Whether this is a PDF, a picture or a table, which has no envelope; a page of a proxy in its place has no such path. */
function isFile(path, response) {
    return /\.[a-z]+$/.test(path) && !/json/.test(response.headers.get("Content-Type") ?? "");
}
async function dataOf(response, language) {
    const text = await response.text();
    if (!text)
        return undefined;
    try {
        const body = JSON.parse(text);
        return "data" in body ? body["data"] : body;
    }
    catch (cause) {
        throw ownError("unexpected_answer", language, { status: response.status, cause });
    }
}
async function refusalOf(response, language) {
    const body = (await response.json().catch(() => null));
    const seconds = response.headers.get("Retry-After");
    return errorOf(body?.error, language, {
        status: response.status,
        retryAfter: seconds ? Number(seconds) : undefined,
        requestId: response.headers.get("X-Request-ID") ?? undefined,
    });
}
