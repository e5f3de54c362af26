import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";
import { backoff, uuid, type SoukLoop } from "./client.js";
import { SoukLoopError, errorOf, ownError } from "./errors.js";
import type { Commands, Events } from "./generated/sockets.js";
import {
  conversationRoom,
  productRoom,
  streamRoom,
  type ConversationHandlers,
  type Room,
  type RoomHandlers,
} from "./rooms.js";

export type { Commands, Events } from "./generated/sockets.js";
export type { ConversationHandlers, MessageChange, Room, RoomHandlers } from "./rooms.js";

export interface SocketSettings {
  /** Milliseconds that one command may take; 10 000. */
  timeout?: number;
  /** Milliseconds for which `sendMessage` and the like try again; 120 000. */
  giveUpAfter?: number;
  /** Called when the server has ended the login or refuses this connection for good. */
  onEnded?: (reason: SoukLoopError) => void;
  /** Options of `socket.io-client`. */
  io?: Partial<ManagerOptions & SocketOptions>;
}

type Message = Commands["message:send"]["ack"];
type ChatMessage = Commands["stream:chat"]["ack"];
type Offer = Commands["offer:create"]["ack"];
type AnyRoom = Pick<Room<never>, "receive" | "rejoin" | "wasJoined">;
type Handler = (data: never) => void;

interface Opening {
  promise: Promise<Events["connected"]>;
  resolve: (data: Events["connected"]) => void;
  reject: (error: SoukLoopError) => void;
}

// A command that is sent again under the same id has its effect once.
const CLIENT_IDS: Partial<Record<keyof Commands, string>> = {
  "message:send": "client_message_id",
  "stream:chat": "client_message_id",
  "offer:create": "client_offer_id",
  "offer:counter": "client_offer_id",
};
const TRY_AGAIN = ["timeout", "network_error", "unavailable", "busy"];

/** One connection for everything: commands with acknowledgements, events, and rooms that catch up. */
export class SoukLoopSocket {
  readonly #client: SoukLoop;
  readonly #settings: SocketSettings;
  readonly #socket: Socket;
  readonly #rooms = new Set<AnyRoom>();
  readonly #handlers = new Map<string, Set<Handler>>();
  #opening: Opening | undefined;
  #connected: Events["connected"] | undefined;
  /** Counts connections that were asked for, so that a token of an earlier one isn't sent. */
  #connection = 0;
  #stopListening: (() => void) | undefined;
  #isClosed = false;
  #ended: SoukLoopError | undefined;
  #refusals = 0;
  #reopening: ReturnType<typeof setTimeout> | undefined;

  constructor(client: SoukLoop, settings: SocketSettings = {}) {
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
        const sendAll = (token: string | null) => {
          if (connection === this.#connection) send({ ...(token !== null && { token }), ...(language && { language }) });
        };
        client.accessToken().then(sendAll, () => sendAll("expired"));
      },
    });
    this.#socket.onAny((event: string, data: unknown) => this.#receive(event, data));
    this.#socket.on("connect_error", (error) => void this.#refused(error));
    this.#socket.on("disconnect", (reason) => this.#disconnected(reason));
  }

  get isConnected(): boolean {
    return this.#socket.connected;
  }

  /** The server's time when this connection began. */
  get serverTime(): string | undefined {
    return this.#connected?.serverTime;
  }

  /**
   * Connect, and stay connected until `close()`. Resolves with the event `connected`, at once if the connection is
   * open; a guest's connection is opened again if somebody has logged in. From now on, `login()`, `register()`,
   * `logout()` and `setLanguage()` of the client open it again by themselves. The rooms are kept and joined again.
   */
  async connect(): Promise<Events["connected"]> {
    this.#ended = undefined;
    this.#isClosed = false;
    this.#stopListening ??= this.#client.onIdentityChange(() => void this.#openAgain());
    const before = this.#connected;
    if (!before) return this.#open();
    const isLoggedIn = await this.#client.isLoggedIn();
    if (this.#isClosed) throw ownError("network_error", this.#client.language);
    if (before === this.#connected && isLoggedIn !== before.guest) return before;
    return before === this.#connected ? this.#openAgain() : this.#open();
  }

  /** Disconnect, and forget the rooms. Commands fail until somebody connects, or joins a room. */
  close(): void {
    this.#isClosed = true;
    this.#rooms.clear();
    this.#stop(ownError("network_error", this.#client.language));
  }

  /** Return the event `connected` of this connection, or of the one that is being opened. */
  #whenConnected(): Promise<Events["connected"]> {
    if (this.#connected) return Promise.resolve(this.#connected);
    if (!this.#opening) {
      let resolve!: Opening["resolve"], reject!: Opening["reject"];
      const promise = new Promise<Events["connected"]>((...both) => ([resolve, reject] = both));
      promise.catch(() => undefined); // `onEnded` is told, also when nobody waits
      this.#opening = { promise, resolve, reject };
    }
    return this.#opening.promise;
  }

  #open(): Promise<Events["connected"]> {
    const { language } = this.#client;
    const headers = this.#settings.io?.extraHeaders;
    // What browsers can't send with a WebSocket is in `auth` too.
    this.#socket.io.opts.extraHeaders = { ...(language && { "Accept-Language": language }), ...headers };
    this.#socket.connect();
    return this.#whenConnected();
  }

  #openAgain(): Promise<Events["connected"]> {
    clearTimeout(this.#reopening);
    this.#connection++;
    this.#refusals = 0;
    this.#connected = undefined;
    this.#socket.disconnect();
    return this.#open();
  }

  /** Stay disconnected until somebody connects. */
  #stop(reason: SoukLoopError): void {
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
  async #ready(mayOpen: boolean): Promise<void> {
    if (this.#ended) throw this.#ended;
    if (this.#connected) return;
    if (!mayOpen && !this.#stopListening) throw ownError("network_error", this.#client.language);
    const opening = this.#stopListening ? this.#whenConnected() : this.connect();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const tooLate = () => reject(ownError("network_error", this.#client.language));
      timer = setTimeout(tooLate, this.#settings.timeout ?? 10_000);
    });
    await Promise.race([opening, late]).finally(() => clearTimeout(timer));
  }

  /** Call a function with each such event; returns a function that ends this. */
  on<E extends keyof Events>(event: E, handler: (data: Events[E]) => void): () => void {
    const handlers = this.#handlers.get(event) ?? new Set();
    this.#handlers.set(event, handlers.add(handler as Handler));
    return () => void handlers.delete(handler as Handler);
  }

  /** Send a command once and return the data of its acknowledgement; a refusal is thrown. Connects if nobody has. */
  async command<C extends keyof Commands>(name: C, data: Commands[C]["data"]): Promise<Commands[C]["ack"]> {
    await this.#ready(!this.#isClosed);
    let answer: { success: boolean; data?: Commands[C]["ack"]; error?: unknown };
    try {
      answer = await this.#socket.timeout(this.#settings.timeout ?? 10_000).emitWithAck(name, data);
    } catch (cause) {
      throw ownError("timeout", this.#client.language, { cause });
    }
    if (!answer.success) throw errorOf(answer.error, this.#client.language);
    return answer.data as Commands[C]["ack"];
  }

  /** Send a command that means nothing without a connection, such as leaving a room. */
  async commandIfConnected<C extends keyof Commands>(name: C, data: Commands[C]["data"]): Promise<unknown> {
    return this.#connected && this.command(name, data);
  }

  /** Send a command until it is acknowledged, across lost connections; the server carries it out once. */
  async commandOnce<C extends keyof Commands>(name: C, data: Commands[C]["data"]): Promise<Commands[C]["ack"]> {
    const idField = CLIENT_IDS[name];
    if (!idField) return this.command(name, data);
    const identified = { [idField]: uuid(), ...data };
    const deadline = Date.now() + (this.#settings.giveUpAfter ?? 120_000);
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.command(name, identified);
      } catch (error) {
        const isOver = Date.now() > deadline;
        if (!(error instanceof SoukLoopError) || isOver || !TRY_AGAIN.includes(error.code)) throw error;
      }
      await backoff(attempt);
    }
  }

  sendMessage(
    conversationId: string,
    content: string,
    more: Partial<Commands["message:send"]["data"]> = {},
  ): Promise<Message> {
    return this.commandOnce("message:send", { ...more, conversation_id: conversationId, content });
  }

  sendChat(
    streamId: string,
    message: string,
    more: Partial<Commands["stream:chat"]["data"]> = {},
  ): Promise<ChatMessage> {
    return this.commandOnce("stream:chat", { ...more, stream_id: streamId, message });
  }

  makeOffer(offer: Commands["offer:create"]["data"]): Promise<Offer> {
    return this.commandOnce("offer:create", offer);
  }

  /**
   * Open a conversation. Without `afterSeq` its newest messages come first, at most a hundred; else those after it:
   * the last number up to which this device has every message (`upToSeq`). With `changedAfter` (`changesUpTo`), what
   * was edited or deleted since then goes to `onChanged`.
   */
  joinConversation(id: string, handlers: ConversationHandlers, afterSeq?: number, changedAfter?: string) {
    return this.#join(conversationRoom(this, this.#client, id, handlers, { afterSeq, changedAfter }));
  }

  /** Watch a stream's room; without `afterSeq`, its last hundred lines of chat come first. */
  joinStream(id: string, handlers: RoomHandlers<Events["chat:message"]>, afterSeq?: number) {
    return this.#join(streamRoom(this, this.#client, id, handlers, { afterSeq }));
  }

  /** Watch a product: `offer:feed` and `product:sold` arrive. */
  joinProduct(id: string, onLeft?: (code: string) => void) {
    return this.#join(productRoom(this, id, onLeft));
  }

  async #join<M>(room: Room<M>): Promise<Room<M>> {
    const forget = () => void this.#rooms.delete(room);
    this.#rooms.add(room);
    room.onGone = forget;
    try {
      await this.#ready(true);
      await room.join();
    } catch (error) {
      // What was lost on the way is joined again with the next connection; what was refused is not.
      if (!(error instanceof SoukLoopError && TRY_AGAIN.includes(error.code))) {
        forget();
        throw error;
      }
      room.wasJoined = true;
    }
    return room;
  }

  #receive(event: string, data: unknown): void {
    for (const room of this.#rooms) room.receive(event, data);
    switch (event) {
      case "connected":
        this.#refusals = 0;
        this.#connected = data as Events["connected"];
        this.#opening?.resolve(data as Events["connected"]);
        this.#opening = undefined;
        this.#rejoin();
        break;
      case "resync":
        this.#rejoin();
        break;
      case "error":
        if (["session_ended", "too_many_connections"].includes((data as Events["error"]).code)) {
          this.#end(errorOf(data, this.#client.language));
        }
        break;
      case "server:shutdown":
        this.#socket.disconnect();
        this.#reopen((data as Events["server:shutdown"]).reconnectAfterMs);
        break;
    }
    for (const handler of this.#handlers.get(event) ?? []) handler(data as never);
  }

  #rejoin(): void {
    for (const room of this.#rooms) if (room.wasJoined) void room.rejoin();
  }

  #end(error: SoukLoopError): void {
    this.#ended = error;
    this.#stop(error);
    this.#settings.onEnded?.(error);
  }

  /** The server refused the handshake: then `socket.io-client` doesn't try again by itself. */
  async #refused(cause: Error & { data?: { code?: string } }): Promise<void> {
    if (this.#socket.active) return; // it was the network
    const error = errorOf({ ...cause.data, message: cause.message }, this.#client.language);
    const connection = this.#connection;
    const isExpired = error.code === "token_expired" || error.code === "token_invalid";
    if (isExpired && this.#refusals < 3) {
      try {
        await this.#client.refresh();
      } catch (refreshError) {
        const isOver = refreshError instanceof SoukLoopError && !refreshError.isTemporary;
        if (isOver && connection === this.#connection) return this.#end(refreshError);
      }
    } else if (!error.isTemporary) {
      return this.#end(error);
    }
    if (connection !== this.#connection) return; // closed, or opened again, meanwhile
    this.#refusals++;
    this.#reopen(Math.min(500 * 2 ** this.#refusals, 10_000) * (0.5 + Math.random() / 2));
  }

  #disconnected(reason: string): void {
    this.#connected = undefined;
    if (reason === "io server disconnect" && !this.#ended) this.#reopen(2000 + Math.random() * 3000);
  }

  #reopen(milliseconds: number): void {
    clearTimeout(this.#reopening);
    this.#reopening = setTimeout(() => void this.#open(), milliseconds);
  }
}
