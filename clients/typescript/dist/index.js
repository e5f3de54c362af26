export { SoukLoop } from "./client.js";
export { SoukLoopError } from "./errors.js";
export { browserStore, memoryStore } from "./tokens.js";
export { version } from "./generated/version.js";
