export function memoryStore(tokens = null) {
    return {
        load: () => tokens,
        save: (saved) => {
            tokens = saved;
        },
    };
}
/** Keep tokens in a browser's `localStorage`, where all tabs find them. */
export function browserStore(name = "soukloop.tokens") {
    return {
        load: () => {
            try {
                return JSON.parse(localStorage.getItem(name) ?? "null");
            }
            catch {
                return null; // damaged
            }
        },
        save: (tokens) => (tokens ? localStorage.setItem(name, JSON.stringify(tokens)) : localStorage.removeItem(name)),
    };
}
/** Whether this is what was saved, and not something damaged or of another program. */
export function areTokens(stored) {
    return (typeof stored?.accessToken === "string" &&
        typeof stored.refreshToken === "string" &&
        typeof stored.expiresAt === "number");
}
/** Run one task at a time under a name: across a browser's tabs, or else within this module. */
export function exclusively(name, task) {
    const locks = globalThis.navigator?.locks;
    return locks ? locks.request(name, task) : task();
}
