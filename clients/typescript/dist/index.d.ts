export { SoukLoop, type ClientOptions } from "./client.js";
export { SoukLoopError, type ErrorCode, type Language } from "./errors.js";
export { browserStore, memoryStore, type TokenStore, type Tokens } from "./tokens.js";
export type { Method, Options, PathsWith, RequestOptions, Result } from "./types.js";
export type * from "./generated/api.js";
export { version } from "./generated/version.js";
