import type { SoukLoop } from "./client.js";
import type { Events } from "./generated/sockets.js";
import type { SoukLoopSocket } from "./socket.js";
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
/** A room that this connection is in, or will be in again once it is connected. */
export declare class Room<M> {
    #private;
    readonly id: string;
    wasJoined: boolean;
    onGone: () => void;
    constructor(id: string, kind: Kind<M>, handlers: RoomHandlers<M>, from: Position, serverTime: () => string | undefined);
    /** Every message up to this number has been handed over; store it, and give it when you join the next time. */
    get upToSeq(): number | undefined;
    /** Changes up to this time of the server's clock have been handed over; store it with `upToSeq`. */
    get changesUpTo(): string | undefined;
    join(): Promise<void>;
    /** Join again after the connection was lost; messages that were missed are handed over. */
    rejoin(): Promise<void>;
    /** Leave the room for good. Never throws; without a connection there is nothing to wait for. */
    leave(): Promise<void>;
    receive(event: string, data: unknown): void;
}
export declare function conversationRoom(socket: SoukLoopSocket, client: SoukLoop, id: string, handlers: ConversationHandlers, from: Position): Room<Events["message:new"]>;
export declare function streamRoom(socket: SoukLoopSocket, client: SoukLoop, id: string, handlers: RoomHandlers<Events["chat:message"]>, from: Position): Room<Events["chat:message"]>;
export declare function productRoom(socket: SoukLoopSocket, id: string, onLeft: ((code: string) => void) | undefined): Room<never>;
export {};
