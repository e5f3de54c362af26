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

export function memoryStore(tokens: Tokens | null = null): TokenStore {
  return {
    load: () => tokens,
    save: (saved) => {
      tokens = saved;
    },
  };
}

/** Keep tokens in a browser's `localStorage`, where all tabs find them. */
export function browserStore(name = "soukloop.tokens"): TokenStore {
  return {
    load: () => {
      try {
        return JSON.parse(localStorage.getItem(name) ?? "null") as Tokens | null;
      } catch {
        return null; // damaged
      }
    },
    save: (tokens) => (tokens ? localStorage.setItem(name, JSON.stringify(tokens)) : localStorage.removeItem(name)),
  };
}

/** Whether this is what was saved, and not something damaged or of another program. */
export function areTokens(stored: Partial<Tokens> | null | undefined): stored is Tokens {
  return (
    typeof stored?.accessToken === "string" &&
    typeof stored.refreshToken === "string" &&
    typeof stored.expiresAt === "number"
  );
}

/** Run one task at a time under a name: across a browser's tabs, or else within this module. */
export function exclusively<T>(name: string, task: () => Promise<T>): Promise<T> {
  const locks = (globalThis.navigator as Navigator | undefined)?.locks;
  return locks ? (locks.request(name, task) as Promise<T>) : task();
}
