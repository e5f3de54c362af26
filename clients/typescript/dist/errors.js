/** Whatever is refused or fails, over REST and sockets alike. Branch on `code`; `message` is for people. */
export class SoukLoopError extends Error {
    code;
    /** Wrong fields with their messages (`validation_error`), or what else the code's description names. */
    details;
    /** The status over REST; 0 where no answer came, and over sockets. */
    status;
    /** Seconds after which the same may be tried again. */
    retryAfter;
    /** Finds the request in the server's log. */
    requestId;
    constructor(fields) {
        super(fields.message, { cause: fields.cause });
        this.name = "SoukLoopError";
        this.code = fields.code;
        this.details = fields.details ?? {};
        this.status = fields.status ?? 0;
        this.retryAfter = fields.retryAfter;
        this.requestId = fields.requestId;
    }
    /** Whether the same request may succeed later without a change. */
    get isTemporary() {
        return ["network_error", "timeout", "unavailable", "busy", "rate_limited", "request_timeout"].includes(this.code);
    }
}
// What people are told where the server said nothing.
const MESSAGES = {
    network_error: { en: "The server can't be reached.", ar: "تعذّر الوصول إلى الخادم." },
    timeout: { en: "The server did not answer in time.", ar: "لم يرد الخادم في الوقت المحدد." },
    unexpected_answer: { en: "The server's answer can't be read.", ar: "تعذّرت قراءة رد الخادم." },
    not_authenticated: { en: "Log in first.", ar: "سجّل الدخول أولاً." },
};
/** Make an error of this client's own, in a language that was chosen or else in that of the browser. */
export function ownError(code, language, fields = {}) {
    const spoken = language ?? (/^ar\b/.test(globalThis.navigator?.language ?? "") ? "ar" : "en");
    return new SoukLoopError({ ...fields, code, message: MESSAGES[code][spoken] });
}
/** Make an error of a body of the API, `{error: {code, message, details}}`, or of whatever came in its place. */
export function errorOf(error, language, fields = {}) {
    const { code, message, details } = (error ?? {});
    if (typeof code !== "string")
        return ownError("unexpected_answer", language, fields);
    const seconds = details?.["retry_after"];
    const retryAfter = fields.retryAfter ?? (typeof seconds === "number" ? seconds : undefined);
    return new SoukLoopError({ ...fields, code, message: message ?? code, details, retryAfter });
}
