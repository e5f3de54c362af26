import type { SoukLoop } from "./client.js";
import { SoukLoopError } from "./errors.js";
import type { Events } from "./generated/sockets.js";
import type { SoukLoopSocket } from "./socket.js";
import type { Result } from "./types.js";

type MessageOfRest = Result<"get", "/conversations/{conversation_id}/messages">["items"][number];

export interface RoomHandlers<M> {
  /** Each message once, in no certain order: show them sorted by `seq`. */
  onMessage: (message: M) => void;
  /** You may no longer be in this room; the code says why. */
  onLeft?: (code: string) => void;
}

/** What a message of a conversation has become: its new text, or null for both a deleted and a hidden one. */
export interface MessageChange {
  messageId: string;
  seq: number;
  content: string | null;
  editedAt: string | null;
}

export interface ConversationHandlers extends RoomHandlers<Events["message:new"]> {
  /**
   * A message was edited, deleted or hidden, now or while the connection was lost; perhaps one that you don't show,
   * and perhaps one that you know already. Of two texts, the one with the later `editedAt` is the newer.
   */
  onChanged?: (change: MessageChange) => void;
}

interface Page<M> {
  messages: M[];
  hasMore: boolean;
}

/** How one kind of room is joined, and what belongs to it. */
interface Kind<M> {
  join: (afterSeq: number | undefined) => Promise<unknown>;
  leave: () => Promise<unknown>;
  isMine: (data: never) => boolean;
  joinedEvent?: string;
  leftEvent?: string;
  messageEvent?: string;
  messagesIn?: (joined: never) => M[];
  /** Read what came after `seq` over REST, where too much was missed for one event; without it, the newest page. */
  read?: (afterSeq: number | undefined) => Promise<Page<M>>;
  /** Whether a room that is joined without a number begins with the newest page; others bring it with `joined`. */
  readsNewest?: boolean;
  /** Hand over what was changed since a time of the server's clock. */
  readChanges?: (since: string) => Promise<void>;
  onOther?: (event: string, data: never) => void;
}

/** Where a room that was shown before goes on: both are the room's own, `upToSeq` and `changesUpTo`. */
export interface Position {
  afterSeq?: number | undefined;
  changedAfter?: string | undefined;
}

type Joined = { lastSeq?: number; resync?: boolean };

const GAP_WAIT = 2000; // milliseconds in which a message that was overtaken arrives

/** A room that this connection is in, or will be in again once it is connected. */
export class Room<M> {
  readonly id: string;
  wasJoined = false;
  onGone: () => void = () => undefined;
  readonly #kind: Kind<M>;
  readonly #handlers: RoomHandlers<M>;
  readonly #ahead = new Set<number>();
  readonly #serverTime: () => string | undefined;
  #upTo: number | undefined;
  #changesUpTo: string | undefined;
  #gap: ReturnType<typeof setTimeout> | undefined;

  constructor(id: string, kind: Kind<M>, handlers: RoomHandlers<M>, from: Position, serverTime: () => string | undefined) {
    this.id = id;
    this.#kind = kind;
    this.#handlers = handlers;
    this.#upTo = from.afterSeq;
    this.#changesUpTo = from.changedAfter;
    this.#serverTime = serverTime;
  }

  /** Every message up to this number has been handed over; store it, and give it when you join the next time. */
  get upToSeq(): number | undefined {
    return this.#upTo;
  }

  /** Changes up to this time of the server's clock have been handed over; store it with `upToSeq`. */
  get changesUpTo(): string | undefined {
    return this.#changesUpTo;
  }

  async join(): Promise<void> {
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

  async #readChanges(): Promise<void> {
    const { readChanges } = this.#kind;
    const now = this.#serverTime();
    if (!readChanges || now === undefined) return;
    try {
      if (this.#changesUpTo !== undefined) await readChanges(this.#changesUpTo);
      this.#changesUpTo = now;
    } catch {
      // The time stays where it is, so that the next joining asks from there.
    }
  }

  /** Join again after the connection was lost; messages that were missed are handed over. */
  async rejoin(): Promise<void> {
    try {
      await this.join();
    } catch (error) {
      if (error instanceof SoukLoopError && !error.isTemporary) this.#gone(error.code);
    }
  }

  /** Leave the room for good. Never throws; without a connection there is nothing to wait for. */
  async leave(): Promise<void> {
    this.#stop();
    await this.#kind.leave().catch(() => undefined);
  }

  receive(event: string, data: unknown): void {
    const { messageEvent, joinedEvent, leftEvent, isMine, onOther } = this.#kind;
    if (!isMine((data ?? {}) as never)) return;
    if (event === messageEvent) this.#take(data as M);
    else if (event === joinedEvent) void this.#catchUp(data as never);
    else if (event === leftEvent) this.#gone((data as { reason: string }).reason);
    else onOther?.(event, data as never);
  }

  async #catchUp(joined: never): Promise<void> {
    const { lastSeq = 0, resync = false } = joined as Joined;
    if (resync && this.#upTo !== undefined && this.#kind.read) {
      try {
        for (let after = this.#upTo, hasMore = true; hasMore; after = this.#upTo) {
          const page = await this.#kind.read(after);
          page.messages.forEach((message) => this.#take(message));
          hasMore = page.hasMore && page.messages.length > 0;
          this.#reach(Math.max(after, ...page.messages.map(seqOf)));
        }
      } catch {
        return; // the number stays where it is, so that the next joining begins there
      }
    } else {
      this.#kind.messagesIn?.(joined).forEach((message) => this.#take(message));
    }
    this.#reach(lastSeq);
  }

  #take(message: M): void {
    const seq = seqOf(message);
    if (seq <= (this.#upTo ?? 0) || this.#ahead.has(seq)) return;
    this.#ahead.add(seq);
    this.#handlers.onMessage(message);
    if (this.#upTo !== undefined) this.#reach(this.#upTo); // before, `joined` will say where to begin
  }

  /** Everything up to a number was handed over; numbers that follow without a gap join it. */
  #reach(seq: number): void {
    let upTo = Math.max(seq, this.#upTo ?? 0);
    while (this.#ahead.has(upTo + 1)) upTo++;
    for (const each of this.#ahead) if (each <= upTo) this.#ahead.delete(each);
    this.#upTo = upTo;
    clearTimeout(this.#gap);
    if (this.#ahead.size) this.#gap = setTimeout(() => void this.rejoin(), GAP_WAIT);
  }

  #gone(code: string): void {
    this.#stop();
    this.#handlers.onLeft?.(code);
  }

  #stop(): void {
    clearTimeout(this.#gap);
    this.onGone();
  }
}

export function conversationRoom(
  socket: SoukLoopSocket,
  client: SoukLoop,
  id: string,
  handlers: ConversationHandlers,
  from: Position,
): Room<Events["message:new"]> {
  const path = { conversation_id: id };
  const pageOf = (query: { after_seq?: number; changed_after?: string }) =>
    client.get("/conversations/{conversation_id}/messages", { path, query: { ...query, limit: 100 } });
  const kind: Kind<Events["message:new"]> = {
    join: (after) => socket.command("conversation:join", { conversation_id: id, ...afterField(after) }),
    leave: () => socket.commandIfConnected("conversation:leave", { conversation_id: id }),
    isMine: (data: { conversationId?: string }) => data.conversationId === id,
    joinedEvent: "conversation:joined",
    messageEvent: "message:new",
    messagesIn: (joined: Events["conversation:joined"]) => joined.messages,
    readsNewest: true,
    read: async (after) => {
      const page = await pageOf(afterField(after));
      return { messages: page.items.map(fromRest), hasMore: page.has_more };
    },
    readChanges: async (since) => {
      // A change may be stored a little after the time that it bears.
      const earlier = new Date(Date.parse(since) - 60_000).toISOString();
      for (let after = 0, hasMore = true; hasMore; ) {
        const page = await pageOf({ changed_after: earlier, after_seq: after });
        page.items.forEach((message) => handlers.onChanged?.(changeOf(fromRest(message))));
        after = page.items.at(-1)?.seq ?? after;
        hasMore = page.has_more;
      }
    },
    onOther: (event, data: Partial<Events["message:new"]>) => {
      if (CHANGES.includes(event)) handlers.onChanged?.(changeOf(data));
    },
  };
  return new Room(id, kind, handlers, from, () => socket.serverTime);
}

export function streamRoom(
  socket: SoukLoopSocket,
  client: SoukLoop,
  id: string,
  handlers: RoomHandlers<Events["chat:message"]>,
  from: Position,
): Room<Events["chat:message"]> {
  const kind: Kind<Events["chat:message"]> = {
    join: (after) => socket.command("stream:join", { stream_id: id, ...afterField(after) }),
    leave: () => socket.commandIfConnected("stream:leave", { stream_id: id }),
    isMine: (data: { streamId?: string }) => data.streamId === id,
    joinedEvent: "stream:joined",
    leftEvent: "stream:left",
    messageEvent: "chat:message",
    messagesIn: (joined: Events["stream:joined"]) => joined.history,
    read: async (after) => {
      const query = { ...afterField(after), limit: 100 };
      const page = await client.get("/streams/{stream_id}/chat", { path: { stream_id: id }, query });
      return { messages: page.items, hasMore: page.hasMore };
    },
  };
  return new Room(id, kind, handlers, from, () => undefined);
}

export function productRoom(
  socket: SoukLoopSocket,
  id: string,
  onLeft: ((code: string) => void) | undefined,
): Room<never> {
  const kind: Kind<never> = {
    join: () => socket.command("product:join", { product_id: id }),
    leave: () => socket.commandIfConnected("product:leave", { product_id: id }),
    isMine: (data: { productId?: string }) => data.productId === id,
    leftEvent: "product:left",
  };
  return new Room(id, kind, { onMessage: () => undefined, ...(onLeft && { onLeft }) }, {}, () => undefined);
}

const CHANGES = ["message:edited", "message:deleted", "message:hidden"];

function changeOf({ messageId = "", seq = 0, content = null, editedAt = null }: Partial<Events["message:new"]>): MessageChange {
  return { messageId, seq, content, editedAt };
}

function seqOf(message: unknown): number {
  return (message as { seq?: number }).seq ?? 0;
}

/** Return a message of the REST API as the event has it. */
function fromRest(message: MessageOfRest): Events["message:new"] {
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

function afterField(seq: number | undefined): { after_seq?: number } {
  return seq === undefined ? {} : { after_seq: seq };
}
