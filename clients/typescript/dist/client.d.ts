import { SoukLoopError, type Language } from "./errors.js";
import { type TokenStore, type Tokens } from "./tokens.js";
import type { OptionArguments, PathsWith, Result } from "./types.js";
export interface ClientOptions {
    /** The server's address, without `/api/v1`. */
    baseUrl: string;
    store?: TokenStore;
    /**
     * The language of messages and labels; `setLanguage` changes it. Without it, a browser names its own language in
     * each request; elsewhere the account's language counts.
     */
    language?: Language;
    /** How often a request is sent again after a failure of the network or the server; 4. */
    retries?: number;
    /** Milliseconds that one attempt may take; 20 000. */
    timeout?: number;
    /** Called when the login has ended: show the login form. */
    onSignedOut?: (reason: SoukLoopError) => void;
    fetch?: typeof fetch;
}
/** Wait about `2 ** attempt` quarters of a second, at most 8 s, each client a different time. */
export declare function backoff(attempt: number, atLeast?: number): Promise<void>;
/** Return a random UUID, also on a page without HTTPS, where browsers have no `crypto.randomUUID`. */
export declare function uuid(): string;
/** The REST API: typed by its description, with refresh of tokens and repetition of what failed. */
export declare class SoukLoop {
    #private;
    readonly baseUrl: string;
    constructor(options: ClientOptions);
    get language(): Language | undefined;
    /** Choose the language of what is asked for from now on; a connected socket connects again with it. */
    setLanguage(language: Language | undefined): void;
    /** Choose the language of the account, and return it. */
    useAccountLanguage(): Promise<Language>;
    /** Whether there are tokens of a login, valid or not. */
    isLoggedIn(): Promise<boolean>;
    /**
     * Call a function when a login begins or ends by this object, or the language changes; returns a function that ends
     * this. Logins of other tabs are not noticed.
     */
    onIdentityChange(handler: () => void): () => void;
    get<P extends PathsWith<"get">>(path: P, ...rest: OptionArguments<"get", P>): Promise<Result<"get", P>>;
    post<P extends PathsWith<"post">>(path: P, ...rest: OptionArguments<"post", P>): Promise<Result<"post", P>>;
    patch<P extends PathsWith<"patch">>(path: P, ...rest: OptionArguments<"patch", P>): Promise<Result<"patch", P>>;
    put<P extends PathsWith<"put">>(path: P, ...rest: OptionArguments<"put", P>): Promise<Result<"put", P>>;
    delete<P extends PathsWith<"delete">>(path: P, ...rest: OptionArguments<"delete", P>): Promise<Result<"delete", P>>;
    /** Register an account and keep its tokens; returns the account. */
    register(...[options]: OptionArguments<"post", "/auth/register">): Promise<Result<"post", "/auth/register">["user"]>;
    /** Log in by username, email or phone number, and keep the tokens. */
    login(identifier: string, password: string): Promise<void>;
    /** End this login on the server, and forget its tokens even if the server can't be reached. */
    logout(): Promise<void>;
    /** Forget the tokens of a login that the server has ended, or of an account that was deleted. */
    forget(): Promise<void>;
    /** Return an access token that is valid for some seconds more, or null for a guest. */
    accessToken(): Promise<string | null>;
    /** Exchange the refresh token. Calls at the same time share one exchange, as do a browser's tabs. */
    refresh(): Promise<Tokens>;
}
