import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";
import { backoff, uuid, type SoukLoop } from "./client.js";
import { SoukLoopError, errorOf } from "./errors.js";
import type { Commands, Events } from "./generated/sockets.js";
import { conversationRoom, productRoom, streamRoom, type Room, type RoomHandlers } from "./rooms.js";

export type { Commands, Events } from "./generated/sockets.js";
export type { Room, RoomHandlers } from "./rooms.js";

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
  #opening: { resolve: (data: Events["connected"]) => void; reject: (error: SoukLoopError) => void } | undefined;
  #ended: SoukLoopError | undefined;
  #refusals = 0;
  #reopening: ReturnType<typeof setTimeout> | undefined;

  constructor(client: SoukLoop, settings: SocketSettings = {}) {
    this.#client = client;
    this.#settings = settings;
    this.#socket = io(client.baseUrl, {
      ...(client.language && { extraHeaders: { "Accept-Language": client.language } }),
      ...settings.io,
      autoConnect: false,
      forceNew: true,
      // Called for each connection, so that each has a token that is valid; without one it is a guest's.
      auth: (send) => {
        client.accessToken().then(
          (token) => send(token === null ? {} : { token }),
          () => send({ token: "expired" }),
        );
      },
    });
    this.#socket.onAny((event: string, data: unknown) => this.#receive(event, data));
    this.#socket.on("connect_error", (error) => void this.#refused(error));
    this.#socket.on("disconnect", (reason) => this.#disconnected(reason));
  }

  get isConnected(): boolean {
    return this.#socket.connected;
  }

  /** Connect, and stay connected until `close()`. Resolves with the event `connected`. */
  connect(): Promise<Events["connected"]> {
    return new Promise((resolve, reject) => {
      this.#ended = undefined;
      this.#opening = { resolve, reject };
      this.#socket.connect();
    });
  }

  close(): void {
    clearTimeout(this.#reopening);
    this.#rooms.clear();
    this.#socket.disconnect();
  }

  /** Call a function with each such event; returns a function that ends this. */
  on<E extends keyof Events>(event: E, handler: (data: Events[E]) => void): () => void {
    const handlers = this.#handlers.get(event) ?? new Set();
    this.#handlers.set(event, handlers.add(handler as Handler));
    return () => void handlers.delete(handler as Handler);
  }

  /** Send a command once and return the data of its acknowledgement; a refusal is thrown. */
  async command<C extends keyof Commands>(name: C, data: Commands[C]["data"]): Promise<Commands[C]["ack"]> {
    if (this.#ended) throw this.#ended;
    let answer: { success: boolean; data?: Commands[C]["ack"]; error?: unknown };
    try {
      answer = await this.#socket.timeout(this.#settings.timeout ?? 10_000).emitWithAck(name, data);
    } catch (cause) {
      throw new SoukLoopError({ code: "timeout", message: "The server did not acknowledge this in time.", cause });
    }
    if (!answer.success) throw errorOf(answer.error);
    return answer.data as Commands[C]["ack"];
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

  /** Open a conversation; `afterSeq` is the last number up to which this device has every message. */
  joinConversation(id: string, handlers: RoomHandlers<Events["message:new"]>, afterSeq?: number) {
    return this.#join(conversationRoom(this, this.#client, id, handlers, afterSeq));
  }

  /** Watch a stream's room; without `afterSeq`, its last hundred lines of chat come first. */
  joinStream(id: string, handlers: RoomHandlers<Events["chat:message"]>, afterSeq?: number) {
    return this.#join(streamRoom(this, this.#client, id, handlers, afterSeq));
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
      await room.join();
    } catch (error) {
      // What was lost on the way is joined again with the next connection; what was refused is not.
      if (!(error instanceof SoukLoopError && TRY_AGAIN.includes(error.code))) {
        forget();
        throw error;
      }
    }
    return room;
  }

  #receive(event: string, data: unknown): void {
    for (const room of this.#rooms) room.receive(event, data);
    switch (event) {
      case "connected":
        this.#refusals = 0;
        this.#opening?.resolve(data as Events["connected"]);
        this.#opening = undefined;
        this.#rejoin();
        break;
      case "resync":
        this.#rejoin();
        break;
      case "error":
        if (["session_ended", "too_many_connections"].includes((data as Events["error"]).code)) {
          this.#end(errorOf(data));
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
    this.#opening?.reject(error);
    this.#opening = undefined;
    this.#socket.disconnect();
    this.#settings.onEnded?.(error);
  }

  /** The server refused the handshake: then `socket.io-client` doesn't try again by itself. */
  async #refused(cause: Error & { data?: { code?: string } }): Promise<void> {
    if (this.#socket.active) return; // it was the network
    const error = errorOf({ ...cause.data, message: cause.message });
    const isExpired = error.code === "token_expired" || error.code === "token_invalid";
    if (isExpired && this.#refusals < 3) {
      try {
        await this.#client.refresh();
      } catch (refreshError) {
        if (refreshError instanceof SoukLoopError && !refreshError.isTemporary) return this.#end(refreshError);
      }
    } else if (!error.isTemporary) {
      return this.#end(error);
    }
    this.#refusals++;
    this.#reopen(Math.min(500 * 2 ** this.#refusals, 10_000) * (0.5 + Math.random() / 2));
  }

  #disconnected(reason: string): void {
    if (reason === "io server disconnect" && !this.#ended) this.#reopen(2000 + Math.random() * 3000);
  }

  #reopen(milliseconds: number): void {
    clearTimeout(this.#reopening);
    this.#reopening = setTimeout(() => this.#socket.connect(), milliseconds);
  }
}
