import type { ErrorCode as ServerErrorCode } from "./generated/codes.js";
export type Language = "ar" | "en";
/** A code of the server, or one of this client: nothing arrived, or nothing in time. */
export type ErrorCode = ServerErrorCode | "network_error" | "timeout" | "unexpected_answer";
export interface ErrorFields {
    code: ErrorCode;
    message: string;
    details?: Record<string, unknown> | undefined;
    status?: number | undefined;
    retryAfter?: number | undefined;
    requestId?: string | undefined;
    cause?: unknown;
}
/** Whatever is refused or fails, over REST and sockets alike. Branch on `code`; `message` is for people. */
export declare class SoukLoopError extends Error {
    readonly code: ErrorCode;
    /** Wrong fields with their messages (`validation_error`), or what else the code's description names. */
    readonly details: Record<string, unknown>;
    /** The status over REST; 0 where no answer came, and over sockets. */
    readonly status: number;
    /** Seconds after which the same may be tried again. */
    readonly retryAfter: number | undefined;
    /** Finds the request in the server's log. */
    readonly requestId: string | undefined;
    constructor(fields: ErrorFields);
    /** Whether the same request may succeed later without a change. */
    get isTemporary(): boolean;
}
declare const MESSAGES: {
    network_error: {
        en: string;
        ar: string;
    };
    timeout: {
        en: string;
        ar: string;
    };
    unexpected_answer: {
        en: string;
        ar: string;
    };
    not_authenticated: {
        en: string;
        ar: string;
    };
};
/** Make an error of this client's own, in a language that was chosen or else in that of the browser. */
export declare function ownError(code: keyof typeof MESSAGES, language: Language | undefined, fields?: Omit<ErrorFields, "code" | "message">): SoukLoopError;
/** Make an error of a body of the API, `{error: {code, message, details}}`, or of whatever came in its place. */
export declare function errorOf(error: unknown, language: Language | undefined, fields?: Omit<ErrorFields, "code" | "message">): SoukLoopError;
export {};
