import { SoukLoopError } from "./errors.js";
const GAP_WAIT = 2000; // milliseconds in which a message that was overtaken arrives
/** A room that this connection is in, or will be in again once it is connected. */
export class Room {
    id;
    wasJoined = false;
    onGone = () => undefined;
    #kind;
    #handlers;
    #ahead = new Set();
    #serverTime;
    #upTo;
    #changesUpTo;
    #gap;
    constructor(id, kind, handlers, from, serverTime) {
        this.id = id;
        this.#kind = kind;
        this.#handlers = handlers;
        this.#upTo = from.afterSeq;
        this.#changesUpTo = from.changedAfter;
        this.#serverTime = serverTime;
    }
    /** Every message up to this number has been handed over; store it, and give it when you join the next time. */
    get upToSeq() {
        return this.#upTo;
    }
    /** Changes up to this time of the server's clock have been handed over; store it with `upToSeq`. */
    get changesUpTo() {
        return this.#changesUpTo;
    }
    async join() {
        this.wasJoined = true;
        const { join, read, readsNewest } = this.#kind;
        if (this.#upTo === undefined && readsNewest && read) {
            const { messages } = await read(undefined);
            messages.forEach((message) => this.#take(message));
            this.#reach(Math.max(0, ...messages.map(seqOf)));
        }
        await join(this.#upTo);
        await this.#readChanges();
    }
    async #readChanges() {
        const { readChanges } = this.#kind;
        const now = this.#serverTime();
        if (!readChanges || now === undefined)
            return;
        try {
            if (this.#changesUpTo !== undefined)
                await readChanges(this.#changesUpTo);
            this.#changesUpTo = now;
        }
        catch {
            // The time stays where it is, so that the next joining asks from there.
        }
    }
    /** Join again after the connection was lost; messages that were missed are handed over. */
    async rejoin() {
        try {
            await this.join();
        }
        catch (error) {
            if (error instanceof SoukLoopError && !error.isTemporary)
                this.#gone(error.code);
        }
    }
    /** Leave the room for good. Never throws; without a connection there is nothing to wait for. */
    async leave() {
        this.#stop();
        await this.#kind.leave().catch(() => undefined);
    }
    receive(event, data) {
        const { messageEvent, joinedEvent, leftEvent, isMine, onOther } = this.#kind;
        if (!isMine((data ?? {})))
            return;
        if (event === messageEvent)
            this.#take(data);
        else if (event === joinedEvent)
            void this.#catchUp(data);
        else if (event === leftEvent)
            this.#gone(data.reason);
        else
            onOther?.(event, data);
    }
    async #catchUp(joined) {
        const { lastSeq = 0, resync = false } = joined;
        if (resync && this.#upTo !== undefined && this.#kind.read) {
            try {
                for (let after = this.#upTo, hasMore = true; hasMore; after = this.#upTo) {
                    const page = await this.#kind.read(after);
                    page.messages.forEach((message) => this.#take(message));
                    hasMore = page.hasMore && page.messages.length > 0;
                    this.#reach(Math.max(after, ...page.messages.map(seqOf)));
                }
            }
            catch {
                return; // the number stays where it is, so that the next joining begins there
            }
        }
        else {
            this.#kind.messagesIn?.(joined).forEach((message) => this.#take(message));
        }
        this.#reach(lastSeq);
    }
    #take(message) {
        const seq = seqOf(message);
        if (seq <= (this.#upTo ?? 0) || this.#ahead.has(seq))
            return;
        this.#ahead.add(seq);
        this.#handlers.onMessage(message);
        if (this.#upTo !== undefined)
            this.#reach(this.#upTo); // before, `joined` will say where to begin
    }
    /** Everything up to a number was handed over; numbers that follow without a gap join it. */
    #reach(seq) {
        let upTo = Math.max(seq, this.#upTo ?? 0);
        while (this.#ahead.has(upTo + 1))
            upTo++;
        for (const each of this.#ahead)
            if (each <= upTo)
                this.#ahead.delete(each);
        this.#upTo = upTo;
        clearTimeout(this.#gap);
        if (this.#ahead.size)
            this.#gap = setTimeout(() => void this.rejoin(), GAP_WAIT);
    }
    #gone(code) {
        this.#stop();
        this.#handlers.onLeft?.(code);
    }
    #stop() {
        clearTimeout(this.#gap);
        this.onGone();
    }
}
export function conversationRoom(socket, client, id, handlers, from) {
    const path = { conversation_id: id };
    const pageOf = (query) => client.get("/conversations/{conversation_id}/messages", { path, query: { ...query, limit: 100 } });
    const kind = {
        join: (after) => socket.command("conversation:join", { conversation_id: id, ...afterField(after) }),
        leave: () => socket.commandIfConnected("conversation:leave", { conversation_id: id }),
        isMine: (data) => data.conversationId === id,
        joinedEvent: "conversation:joined",
        messageEvent: "message:new",
        messagesIn: (joined) => joined.messages,
        readsNewest: true,
        read: async (after) => {
            const page = await pageOf(afterField(after));
            return { messages: page.items.map(fromRest), hasMore: page.has_more };
        },
        readChanges: async (since) => {
            // A change may be stored a little after the time that it bears.
            const earlier = new Date(Date.parse(since) - 60_000).toISOString();
            for (let after = 0, hasMore = true; hasMore;) {
                const page = await pageOf({ changed_after: earlier, after_seq: after });
                page.items.forEach((message) => handlers.onChanged?.(changeOf(fromRest(message))));
                after = page.items.at(-1)?.seq ?? after;
                hasMore = page.has_more;
            }
        },
        onOther: (event, data) => {
            if (CHANGES.includes(event))
                handlers.onChanged?.(changeOf(data));
        },
    };
    return new Room(id, kind, handlers, from, () => socket.serverTime);
}
export function streamRoom(socket, client, id, handlers, from) {
    const kind = {
        join: (after) => socket.command("stream:join", { stream_id: id, ...afterField(after) }),
        leave: () => socket.commandIfConnected("stream:leave", { stream_id: id }),
        isMine: (data) => data.streamId === id,
        joinedEvent: "stream:joined",
        leftEvent: "stream:left",
        messageEvent: "chat:message",
        messagesIn: (joined) => joined.history,
        read: async (after) => {
            const query = { ...afterField(after), limit: 100 };
            const page = await client.get("/streams/{stream_id}/chat", { path: { stream_id: id }, query });
            return { messages: page.items, hasMore: page.hasMore };
        },
    };
    return new Room(id, kind, handlers, from, () => undefined);
}
export function productRoom(socket, id, onLeft) {
    const kind = {
        join: () => socket.command("product:join", { product_id: id }),
        leave: () => socket.commandIfConnected("product:leave", { product_id: id }),
        isMine: (data) => data.productId === id,
        leftEvent: "product:left",
    };
    return new Room(id, kind, { onMessage: () => undefined, ...(onLeft && { onLeft }) }, {}, () => undefined);
}
const CHANGES = ["message:edited", "message:deleted", "message:hidden"];
function changeOf({ messageId = "", seq = 0, content = null, editedAt = null }) {
    return { messageId, seq, content, editedAt };
}
function seqOf(message) {
    return message.seq ?? 0;
}
/** Return a message of the REST API as the event has it. */
function fromRest(message) {
    return {
        messageId: message.id,
        conversationId: message.conversation_id,
        seq: message.seq,
        userId: message.sender_id,
        username: null, // the conversation's `other_user` has it
        content: message.content,
        messageType: message.message_type,
        data: message.data,
        clientMessageId: message.client_message_id,
        image: message.image && {
            ...message.image,
            sizes: message.image.sizes.map((size) => ({
                width: size.width,
                webpUrl: size.webp_url,
                jpegUrl: size.jpeg_url,
            })),
        },
        editedAt: message.edited_at,
        deletedAt: message.deleted_at,
        timestamp: message.created_at,
    };
}
function afterField(seq) {
    return seq === undefined ? {} : { after_seq: seq };
}
