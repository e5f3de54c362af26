/** Take an `Idempotency-Key`, so that a request without an answer may be sent again. */
export declare const idempotentOperations: readonly string[];
