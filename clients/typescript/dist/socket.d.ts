import { type ManagerOptions, type SocketOptions } from "socket.io-client";
import { type SoukLoop } from "./client.js";
import { SoukLoopError } from "./errors.js";
import type { Commands, Events } from "./generated/sockets.js";
import { type ConversationHandlers, type Room, type RoomHandlers } from "./rooms.js";
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
/** One connection for everything: commands with acknowledgements, events, and rooms that catch up. */
export declare class SoukLoopSocket {
    #private;
    constructor(client: SoukLoop, settings?: SocketSettings);
    get isConnected(): boolean;
    /** The server's time when this connection began. */
    get serverTime(): string | undefined;
    /**
     * Connect, and stay connected until `close()`. Resolves with the event `connected`, at once if the connection is
     * open; a guest's connection is opened again if somebody has logged in. From now on, `login()`, `register()`,
     * `logout()` and `setLanguage()` of the client open it again by themselves. The rooms are kept and joined again.
     */
    connect(): Promise<Events["connected"]>;
    /** Disconnect, and forget the rooms. Commands fail until somebody connects, or joins a room. */
    close(): void;
    /** Call a function with each such event; returns a function that ends this. */
    on<E extends keyof Events>(event: E, handler: (data: Events[E]) => void): () => void;
    /** Send a command once and return the data of its acknowledgement; a refusal is thrown. Connects if nobody has. */
    command<C extends keyof Commands>(name: C, data: Commands[C]["data"]): Promise<Commands[C]["ack"]>;
    /** Send a command that means nothing without a connection, such as leaving a room. */
    commandIfConnected<C extends keyof Commands>(name: C, data: Commands[C]["data"]): Promise<unknown>;
    /** Send a command until it is acknowledged, across lost connections; the server carries it out once. */
    commandOnce<C extends keyof Commands>(name: C, data: Commands[C]["data"]): Promise<Commands[C]["ack"]>;
    sendMessage(conversationId: string, content: string, more?: Partial<Commands["message:send"]["data"]>): Promise<Message>;
    sendChat(streamId: string, message: string, more?: Partial<Commands["stream:chat"]["data"]>): Promise<ChatMessage>;
    makeOffer(offer: Commands["offer:create"]["data"]): Promise<Offer>;
    /**
     * Open a conversation. Without `afterSeq` its newest messages come first, at most a hundred; else those after it:
     * the last number up to which this device has every message (`upToSeq`). With `changedAfter` (`changesUpTo`), what
     * was edited or deleted since then goes to `onChanged`.
     */
    joinConversation(id: string, handlers: ConversationHandlers, afterSeq?: number, changedAfter?: string): Promise<Room<import("./generated/sockets.js").MessageNew>>;
    /** Watch a stream's room; without `afterSeq`, its last hundred lines of chat come first. */
    joinStream(id: string, handlers: RoomHandlers<Events["chat:message"]>, afterSeq?: number): Promise<Room<import("./generated/sockets.js").ChatMessage>>;
    /** Watch a product: `offer:feed` and `product:sold` arrive. */
    joinProduct(id: string, onLeft?: (code: string) => void): Promise<Room<never>>;
}
