/** The tokens of one login. `expiresAt` is when the access token expires, in milliseconds of this device's clock. */
export interface Tokens {
    accessToken: string;
    refreshToken: string;
    expiresAt: number;
}
/** Where tokens are kept: in memory unless you give another. Tabs and processes of one login share one store. */
export interface TokenStore {
    load(): Tokens | null | Promise<Tokens | null>;
    save(tokens: Tokens | null): void | Promise<void>;
}
export declare function memoryStore(tokens?: Tokens | null): TokenStore;
/** Keep tokens in a browser's `localStorage`, where all tabs find them. */
export declare function browserStore(name?: string): TokenStore;
/** Whether this is what was saved, and not something damaged or of another program. */
export declare function areTokens(stored: Partial<Tokens> | null | undefined): stored is Tokens;
/** Run one task at a time under a name: across a browser's tabs, or else within this module. */
export declare function exclusively<T>(name: string, task: () => Promise<T>): Promise<T>;
