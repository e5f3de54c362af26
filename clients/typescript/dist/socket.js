import { io } from "socket.io-client";
import { backoff, uuid } from "./client.js";
import { SoukLoopError, errorOf, ownError } from "./errors.js";
import { conversationRoom, productRoom, streamRoom, } from "./rooms.js";
// A command that is sent again under the same id has its effect once.
const CLIENT_IDS = {
    "message:send": "client_message_id",
    "stream:chat": "client_message_id",
    "offer:create": "client_offer_id",
    "offer:counter": "client_offer_id",
};
const TRY_AGAIN = ["timeout", "network_error", "unavailable", "busy"];
/** One connection for everything: commands with acknowledgements, events, and rooms that catch up. */
export class SoukLoopSocket {
    #client;
    #settings;
    #socket;
    #rooms = new Set();
    #handlers = new Map();
    #opening;
    #connected;
    /** Counts connections that were asked for, so that a token of an earlier one isn't sent. */
    #connection = 0;
    #stopListening;
    #isClosed = false;
    #ended;
    #refusals = 0;
    #reopening;
    constructor(client, settings = {}) {
        this.#client = client;
        this.#settings = settings;
        this.#socket = io(client.baseUrl, {
            ...settings.io,
            autoConnect: false,
            forceNew: true,
            // Called for each connection, so that each has a token that is valid; without one it is a guest's.
            auth: (send) => {
                const { language } = client;
                const connection = this.#connection;
                const sendAll = (token) => {
                    if (connection === this.#connection)
                        send({ ...(token !== null && { token }), ...(language && { language }) });
                };
                client.accessToken().then(sendAll, () => sendAll("expired"));
            },
        });
        this.#socket.onAny((event, data) => this.#receive(event, data));
        this.#socket.on("connect_error", (error) => void this.#refused(error));
        this.#socket.on("disconnect", (reason) => this.#disconnected(reason));
    }
    get isConnected() {
        return this.#socket.connected;
    }
    /** The server's time when this connection began. */
    get serverTime() {
        return this.#connected?.serverTime;
    }
    /**
     * Connect, and stay connected until `close()`. Resolves with the event `connected`, at once if the connection is
     * open; a guest's connection is opened again if somebody has logged in. From now on, `login()`, `register()`,
     * `logout()` and `setLanguage()` of the client open it again by themselves. The rooms are kept and joined again.
     */
    async connect() {
        this.#ended = undefined;
        this.#isClosed = false;
        this.#stopListening ??= this.#client.onIdentityChange(() => void this.#openAgain());
        const before = this.#connected;
        if (!before)
            return this.#open();
        const isLoggedIn = await this.#client.isLoggedIn();
        if (this.#isClosed)
            throw ownError("network_error", this.#client.language);
        if (before === this.#connected && isLoggedIn !== before.guest)
            return before;
        return before === this.#connected ? this.#openAgain() : this.#open();
    }
    /** Disconnect, and forget the rooms. Commands fail until somebody connects, or joins a room. */
    close() {
        this.#isClosed = true;
        this.#rooms.clear();
        this.#stop(ownError("network_error", this.#client.language));
    }
    /** Return the event `connected` of this connection, or of the one that is being opened. */
    #whenConnected() {
        if (this.#connected)
            return Promise.resolve(this.#connected);
        if (!this.#opening) {
            let resolve, reject;
            const promise = new Promise((...both) => ([resolve, reject] = both));
            promise.catch(() => undefined); // `onEnded` is told, also when nobody waits
            this.#opening = { promise, resolve, reject };
        }
        return this.#opening.promise;
    }
    #open() {
        const { language } = this.#client;
        const headers = this.#settings.io?.extraHeaders;
        // What browsers can't send with a WebSocket is in `auth` too.
        this.#socket.io.opts.extraHeaders = { ...(language && { "Accept-Language": language }), ...headers };
        this.#socket.connect();
        return this.#whenConnected();
    }
    #openAgain() {
        clearTimeout(this.#reopening);
        this.#connection++;
        this.#refusals = 0;
        this.#connected = undefined;
        this.#socket.disconnect();
        return this.#open();
    }
    /** Stay disconnected until somebody connects. */
    #stop(reason) {
        clearTimeout(this.#reopening);
        this.#connection++;
        this.#stopListening?.();
        this.#stopListening = undefined;
        this.#connected = undefined;
        this.#opening?.reject(reason);
        this.#opening = undefined;
        this.#socket.disconnect();
    }
    /** Wait for the connection as long as one command may take; connect if nobody has. */
    async #ready(mayOpen) {
        if (this.#ended)
            throw this.#ended;
        if (this.#connected)
            return;
        if (!mayOpen && !this.#stopListening)
            throw ownError("network_error", this.#client.language);
        const opening = this.#stopListening ? this.#whenConnected() : this.connect();
        let timer;
        const late = new Promise((_, reject) => {
            const tooLate = () => reject(ownError("network_error", this.#client.language));
            timer = setTimeout(tooLate, this.#settings.timeout ?? 10_000);
        });
        await Promise.race([opening, late]).finally(() => clearTimeout(timer));
    }
    /** Call a function with each such event; returns a function that ends this. */
    on(event, handler) {
        const handlers = this.#handlers.get(event) ?? new Set();
        this.#handlers.set(event, handlers.add(handler));
        return () => void handlers.delete(handler);
    }
    /** Send a command once and return the data of its acknowledgement; a refusal is thrown. Connects if nobody has. */
    async command(name, data) {
        await this.#ready(!this.#isClosed);
        let answer;
        try {
            answer = await this.#socket.timeout(this.#settings.timeout ?? 10_000).emitWithAck(name, data);
        }
        catch (cause) {
            throw ownError("timeout", this.#client.language, { cause });
        }
        if (!answer.success)
            throw errorOf(answer.error, this.#client.language);
        return answer.data;
    }
    /** Send a command that means nothing without a connection, such as leaving a room. */
    async commandIfConnected(name, data) {
        return this.#connected && this.command(name, data);
    }
    /** Send a command until it is acknowledged, across lost connections; the server carries it out once. */
    async commandOnce(name, data) {
        const idField = CLIENT_IDS[name];
        if (!idField)
            return this.command(name, data);
        const identified = { [idField]: uuid(), ...data };
        const deadline = Date.now() + (this.#settings.giveUpAfter ?? 120_000);
        for (let attempt = 0;; attempt++) {
            try {
                return await this.command(name, identified);
            }
            catch (error) {
                const isOver = Date.now() > deadline;
                if (!(error instanceof SoukLoopError) || isOver || !TRY_AGAIN.includes(error.code))
                    throw error;
            }
            await backoff(attempt);
        }
    }
    sendMessage(conversationId, content, more = {}) {
        return this.commandOnce("message:send", { ...more, conversation_id: conversationId, content });
    }
    sendChat(streamId, message, more = {}) {
        return this.commandOnce("stream:chat", { ...more, stream_id: streamId, message });
    }
    makeOffer(offer) {
        return this.commandOnce("offer:create", offer);
    }
    /**
     * Open a conversation. Without `afterSeq` its newest messages come first, at most a hundred; else those after it:
     * the last number up to which this device has every message (`upToSeq`). With `changedAfter` (`changesUpTo`), what
     * was edited or deleted since then goes to `onChanged`.
     */
    joinConversation(id, handlers, afterSeq, changedAfter) {
        return this.#join(conversationRoom(this, this.#client, id, handlers, { afterSeq, changedAfter }));
    }
    /** Watch a stream's room; without `afterSeq`, its last hundred lines of chat come first. */
    joinStream(id, handlers, afterSeq) {
        return this.#join(streamRoom(this, this.#client, id, handlers, { afterSeq }));
    }
    /** Watch a product: `offer:feed` and `product:sold` arrive. */
    joinProduct(id, onLeft) {
        return this.#join(productRoom(this, id, onLeft));
    }
    async #join(room) {
        const forget = () => void this.#rooms.delete(room);
        this.#rooms.add(room);
        room.onGone = forget;
        try {
            await this.#ready(true);
            await room.join();
        }
        catch (error) {
            // What was lost on the way is joined again with the next connection; what was refused is not.
            if (!(error instanceof SoukLoopError && TRY_AGAIN.includes(error.code))) {
                forget();
                throw error;
            }
            room.wasJoined = true;
        }
        return room;
    }
    #receive(event, data) {
        for (const room of this.#rooms)
            room.receive(event, data);
        switch (event) {
            case "connected":
                this.#refusals = 0;
                this.#connected = data;
                this.#opening?.resolve(data);
                this.#opening = undefined;
                this.#rejoin();
                break;
            case "resync":
                this.#rejoin();
                break;
            case "error":
                if (["session_ended", "too_many_connections"].includes(data.code)) {
                    this.#end(errorOf(data, this.#client.language));
                }
                break;
            case "server:shutdown":
                this.#socket.disconnect();
                this.#reopen(data.reconnectAfterMs);
                break;
        }
        for (const handler of this.#handlers.get(event) ?? [])
            handler(data);
    }
    #rejoin() {
        for (const room of this.#rooms)
            if (room.wasJoined)
                void room.rejoin();
    }
    #end(error) {
        this.#ended = error;
        this.#stop(error);
        this.#settings.onEnded?.(error);
    }
    /** The server refused the handshake: then `socket.io-client` doesn't try again by itself. */
    async #refused(cause) {
        if (this.#socket.active)
            return; // it was the network
        const error = errorOf({ ...cause.data, message: cause.message }, this.#client.language);
        const connection = this.#connection;
        const isExpired = error.code === "token_expired" || error.code === "token_invalid";
        if (isExpired && this.#refusals < 3) {
            try {
                await this.#client.refresh();
            }
            catch (refreshError) {
                const isOver = refreshError instanceof SoukLoopError && !refreshError.isTemporary;
                if (isOver && connection === this.#connection)
                    return this.#end(refreshError);
            }
        }
        else if (!error.isTemporary) {
            return this.#end(error);
        }
        if (connection !== this.#connection)
            return; // closed, or opened again, meanwhile
        this.#refusals++;
        this.#reopen(Math.min(500 * 2 ** this.#refusals, 10_000) * (0.5 + Math.random() / 2));
    }
    #disconnected(reason) {
        this.#connected = undefined;
        if (reason === "io server disconnect" && !this.#ended)
            this.#reopen(2000 + Math.random() * 3000);
    }
    #reopen(milliseconds) {
        clearTimeout(this.#reopening);
        this.#reopening = setTimeout(() => void this.#open(), milliseconds);
    }
}
