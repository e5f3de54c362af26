export type AudioHealth = {
    "codec": string;
    "sampleRate": number;
    "channels": number;
    "bitrate": number;
};
export type CamelPicture = {
    "url": string;
    "width": number | null;
    "height": number | null;
    "blurhash": string | null;
    "sizes": Array<CamelPictureSize>;
};
export type CamelPictureSize = {
    "width": number;
    "webpUrl": string;
    "jpegUrl": string;
};
export type ChatDeleted = {
    "streamId": string;
    "messageId": string;
    "seq": number;
};
export type ChatInput = {
    "stream_id": string;
    "message": string;
    "client_message_id"?: string | null;
};
export type ChatMessage = {
    "messageId": string;
    "streamId": string;
    "seq": number;
    "userId": string;
    "username": string;
    "avatarUrl": string | null;
    "isHost": boolean;
    "isModerator": boolean;
    "message": string;
    "timestamp": string;
    "clientMessageId"?: string;
};
export type ChatModerator = {
    "streamId": string;
    "isModerator": boolean;
};
export type ChatMuted = {
    "streamId": string;
    "muted": boolean;
};
export type ChatRules = {
    "streamId": string;
    "enableChat": boolean;
    "slowModeSeconds": number;
};
export type Connected = {
    "userId": string | null;
    "username": string | null;
    "guest": boolean;
    "connectionId": string;
    "serverTime": string;
};
export type ConversationCommand = {
    "conversation_id": string;
};
export type ConversationJoined = {
    "conversationId": string;
    "lastSeq": number;
    "messages": Array<MessageNew>;
    "resync": boolean;
};
export type ConversationLastSeq = {
    "conversationId": string;
    "lastSeq": number;
};
export type ConversationRead = {
    "conversationId": string;
    "upToSeq": number;
    "unreadCount": number;
};
export type CounterInput = {
    "offer_id": string;
    "offered_price": number;
    "currency"?: Currency | null;
    "message"?: string | null;
    "client_offer_id"?: string | null;
};
export type Currency = "AED";
export type Delivery = "meet_up" | "shipping";
export type EditCommand = {
    "conversation_id": string;
    "message_id": string;
    "content": string;
};
export type Emoji = "❤️" | "🔥" | "👍" | "😂" | "😮" | "👏" | "🎉" | "💎";
export type EncoderHealth = {
    "streamId": string;
    "video": VideoHealth | null;
    "audio": AudioHealth | null;
    "droppedFrames": number;
    "lastMediaAt": string | null;
    "warnings": Array<HealthWarning>;
};
export type ErrorCode = "account_banned" | "account_deleted" | "account_has_obligations" | "active_products_limit" | "address_not_found" | "already_banned" | "already_live" | "already_publishing" | "already_reviewed" | "bad_frame" | "bad_idempotency_key" | "bad_request" | "badge_unchanged" | "busy" | "card_form_refused" | "card_required" | "case_closed" | "category_not_found" | "chargeback_open" | "chat_disabled" | "clip_not_found" | "conflict" | "contact_released" | "conversation_not_found" | "correction_decided" | "correction_needs_second_person" | "credentials_missing" | "device_not_found" | "dispute_closed" | "dispute_not_found" | "email_taken" | "fee_bill_closed" | "flooding" | "followers_only" | "forbidden" | "hand_over_code_locked" | "hand_over_code_wrong" | "headers_too_large" | "host_cannot_be_muted" | "idempotency_mismatch" | "image_invalid" | "invalid_credentials" | "malformed_body" | "malformed_json" | "media_storage_full" | "media_storage_unwritable" | "message_deleted" | "message_not_changeable" | "message_not_found" | "message_not_yours" | "message_too_old" | "messaging_unavailable" | "method_not_allowed" | "moderators_limit" | "muted" | "no_hand_over_code" | "no_replay_to_withdraw" | "no_video_to_clip" | "not_a_moderator" | "not_authenticated" | "not_banned" | "not_found" | "not_the_buyer" | "not_the_seller" | "not_your_offer" | "not_your_product" | "not_your_stream" | "not_yours_to_answer" | "not_yourself" | "notification_not_found" | "nul_character" | "offer_accepted" | "offer_cancelled" | "offer_countered" | "offer_declined" | "offer_expired" | "offer_pending" | "offer_withdrawn" | "offers_disabled" | "order_authorised" | "order_cancelled" | "order_completed" | "order_delivered" | "order_disputed" | "order_exists" | "order_expired" | "order_handed_over" | "order_not_completed" | "order_not_found" | "order_not_shipped" | "order_paid" | "order_partially_refunded" | "order_pending_payment" | "order_refunded" | "order_shipped" | "origin_not_allowed" | "otp_invalid" | "own_product" | "party_unavailable" | "payload_too_large" | "payment_account_refused" | "payment_not_authorised" | "payment_not_captured" | "payment_pending" | "payout_not_failed" | "phone_not_confirmed" | "phone_taken" | "precondition_failed" | "price_changed" | "price_lowered" | "product_active" | "product_deleted" | "product_hidden" | "product_inactive" | "product_not_available" | "product_not_found" | "product_not_in_stream" | "product_reserved" | "product_sold" | "provider_unavailable" | "rate_limited" | "refund_needs_second_person" | "refund_not_failed" | "refund_not_waiting" | "refund_overtaken" | "refund_too_large" | "registration_replayed" | "replay_not_found" | "replay_not_repeatable" | "request_timeout" | "review_not_found" | "review_too_late" | "review_unchanged" | "sandbox_no_challenge" | "sandbox_page_closed" | "seller_not_available_in_person" | "seller_not_paid_by_card" | "sellers_only" | "server_error" | "session_ended" | "sms_country_not_served" | "staff_unchanged" | "stream_key_refused" | "stream_not_found" | "stream_not_live" | "stream_not_scheduled" | "stream_products_limit" | "ticket_invalid" | "token_expired" | "token_invalid" | "token_revoked" | "token_wrong_type" | "too_many_addresses" | "too_many_attempts" | "too_many_clips" | "too_many_commands" | "too_many_connections" | "too_many_disputes" | "too_many_unpaid_orders" | "too_many_videos" | "too_much_evidence" | "transaction_cancelled" | "transaction_completed" | "transaction_paid" | "transaction_refunded" | "transfer_not_failed" | "tus_version_unsupported" | "unauthorized" | "unavailable" | "unknown_event" | "unknown_url" | "unsupported_media_type" | "user_not_found" | "username_taken" | "validation_error" | "video_in_use" | "video_not_found" | "video_offset_mismatch" | "webhook_invalid";
export type ErrorDetails = {
    "code": ErrorCode;
    "message": string;
    "details": Record<string, unknown>;
};
export type HealthWarning = {
    "code": HealthWarningCode;
    "message": string;
};
export type HealthWarningCode = "no_picture" | "no_sound" | "no_media" | "keyframes_too_far" | "unsupported_codec" | "clock_jumped" | "too_fast_for_connection" | "storage_full";
export type JoinCommand = {
    "conversation_id": string;
    "after_seq"?: number | null;
};
export type JoinInput = {
    "stream_id": string;
    "after_seq"?: number | null;
};
export type MessageCommand = {
    "conversation_id": string;
    "message_id": string;
};
export type MessageData = {
    "text"?: SystemText;
    "price"?: number;
    "currency"?: Currency;
    "amount"?: string;
    "offered_price"?: string;
    "offer_id"?: string;
    "order_id"?: string;
    "parent_id"?: string | null;
    "status"?: OfferStatus;
    "width"?: number;
    "height"?: number;
};
export type MessageDeleted = {
    "messageId": string;
    "conversationId": string;
    "seq": number;
    "deletedAt": string;
};
export type MessageHidden = {
    "messageId": string;
    "conversationId": string;
    "seq": number;
};
export type MessageNew = {
    "messageId": string;
    "conversationId": string;
    "seq": number;
    "userId": string | null;
    "username": string | null;
    "content": string | null;
    "messageType": MessageType;
    "data": MessageData;
    "image": CamelPicture | null;
    "clientMessageId": string | null;
    "timestamp": string;
    "editedAt": string | null;
    "deletedAt": string | null;
};
export type MessageType = "text" | "image" | "offer" | "system";
export type MessagesRead = {
    "conversationId": string;
    "userId": string;
    "upToSeq": number;
};
export type NoData = Record<string, unknown>;
export type NotificationNew = {
    "notificationId": string;
    "kind": string;
    "title": string;
    "body": string;
    "data": Record<string, unknown>;
    "link": string;
    "timestamp": string;
};
export type NotificationRead = {
    "notificationIds": Array<string> | null;
    "isDeleted": boolean;
    "unreadCount": number;
    "timestamp": string;
};
export type OfferCloseReason = "accepted" | "declined" | "below_minimum" | "another_offer_accepted" | "product_unavailable" | "party_unavailable" | "countered" | "withdrawn" | "replaced" | "expired" | "sale_cancelled";
export type OfferEvent = {
    "offerId": string;
    "productId": string;
    "conversationId": string;
    "buyerId": string;
    "sellerId": string;
    "madeBy": string;
    "parentId": string | null;
    "offeredPrice": number;
    "originalPrice": number;
    "currency": Currency;
    "message": string;
    "status": OfferStatus;
    "closeReason": OfferCloseReason | null;
    "streamId": string | null;
    "transactionId": string | null;
    "expiresAt": string;
    "createdAt": string;
    "timestamp": string;
};
export type OfferFeed = {
    "productId": string;
    "streamId": string | null;
    "offeredPrice": number;
    "currency": Currency;
    "status": OfferStatus;
    "timestamp": string;
};
export type OfferIdInput = {
    "offer_id": string;
};
export type OfferInput = {
    "offered_price": number;
    "currency"?: Currency | null;
    "message"?: string | null;
    "client_offer_id"?: string | null;
    "product_id": string;
};
export type OfferState = {
    "offerId": string;
    "productId": string;
    "conversationId": string;
    "buyerId": string;
    "sellerId": string;
    "madeBy": string;
    "parentId": string | null;
    "offeredPrice": number;
    "originalPrice": number;
    "currency": Currency;
    "message": string;
    "status": OfferStatus;
    "closeReason": OfferCloseReason | null;
    "streamId": string | null;
    "transactionId": string | null;
    "expiresAt": string;
    "createdAt": string;
};
export type OfferStatus = "pending" | "accepted" | "declined" | "countered" | "withdrawn" | "expired" | "cancelled";
export type OrderEvent = {
    "orderId": string;
    "productId": string;
    "transactionId": string;
    "conversationId": string;
    "buyerId": string;
    "sellerId": string;
    "state": OrderState;
    "what": string;
    "paymentMethod": PaymentMethod;
    "delivery": Delivery;
    "price": number;
    "currency": Currency;
    "streamId": string | null;
    "expiresAt": string | null;
    "timestamp": string;
};
export type OrderState = "pending_payment" | "authorised" | "paid" | "handed_over" | "shipped" | "delivered" | "completed" | "expired" | "cancelled" | "refunded" | "partially_refunded" | "disputed";
export type PaymentMethod = "card" | "in_person";
export type ProductAvailability = {
    "productId": string;
    "streamId": string | null;
    "timestamp": string;
};
export type ProductId = {
    "productId": string;
};
export type ProductIdInput = {
    "product_id": string;
};
export type ProductLeft = {
    "productId": string;
    "reason": ProductLeftReason;
};
export type ProductLeftReason = "product_not_found";
export type ProductRemovedReason = "removed" | "sold" | "hidden" | "deleted";
export type ProductSold = {
    "productId": string;
    "streamId": string | null;
    "price": number;
    "currency": Currency;
    "timestamp": string;
};
export type ProductTagged = {
    "streamId": string;
    "productId": string;
    "title": string;
    "price": number;
    "currency": Currency;
    "thumbnailUrl": string | null;
    "image": CamelPicture | null;
    "x": number;
    "y": number;
    "timestampSeconds": number;
};
export type ProductUntagged = {
    "streamId": string;
    "productId": string;
    "reason": ProductRemovedReason;
};
export type Reaction = {
    "streamId": string;
    "emoji": Emoji;
    "userId": string;
    "count": number;
};
export type ReactionInput = {
    "stream_id": string;
    "emoji": Emoji;
};
export type ReactionTotal = {
    "streamId": string;
    "emoji": Emoji;
    "total": number;
};
export type ReadCommand = {
    "conversation_id": string;
    "up_to_seq"?: number | null;
};
export type ReplayReady = {
    "streamId": string;
    "state": ReplayState;
    "vodUrl": string | null;
};
export type ReplayState = "waiting" | "processing" | "ready" | "failed" | "empty" | "withdrawn";
export type Resync = {
    "room": string;
};
export type SendCommand = {
    "conversation_id": string;
    "message_type"?: SentMessageType;
    "content": string;
    "client_message_id"?: string | null;
};
export type SentMessageType = "text" | "image";
export type ServerShutdown = {
    "reconnectAfterMs": number;
};
export type SocketError = {
    "event"?: string;
    "code": ErrorCode;
    "message": string;
    "details": Record<string, unknown>;
};
export type StreamEndReason = "owner" | "staff" | "publisher_gone" | "never_published" | "account_closed";
export type StreamEnded = {
    "streamId": string;
    "status": StreamStatus;
    "reason": StreamEndReason;
    "endedAt": string;
    "duration": number;
    "vodUrl": string | null;
};
export type StreamIdInput = {
    "stream_id": string;
};
export type StreamInterrupted = {
    "streamId": string;
    "reconnectBy": string;
};
export type StreamJoined = {
    "streamId": string;
    "viewerCount": number;
    "status": StreamStatus;
    "history": Array<ChatMessage>;
    "lastSeq": number;
    "resync": boolean;
    "hasPicture": boolean;
    "reconnectBy": string | null;
};
export type StreamLeft = {
    "streamId": string;
    "reason": StreamLeftReason;
};
export type StreamLeftReason = "stream_not_found" | "followers_only";
export type StreamLive = {
    "streamId": string;
    "title": string;
    "sellerId": string;
    "startedAt": string;
};
export type StreamResumed = {
    "streamId": string;
};
export type StreamStatus = "scheduled" | "live" | "ended" | "cancelled";
export type SystemText = "offer_made" | "offer_accepted" | "offer_declined" | "offer_withdrawn" | "sale_cancelled" | "order_in_person" | "order_paid" | "order_handed_over" | "order_shipped" | "order_delivered" | "order_assumed_delivered" | "dispute_opened" | "dispute_reopened" | "dispute_withdrawn" | "dispute_accepted" | "dispute_decided" | "order_completed" | "order_refunded" | "order_partially_refunded";
export type TypingActive = {
    "conversationId": string;
    "userId": string;
    "username": string;
    "expiresIn": number;
};
export type TypingInactive = {
    "conversationId": string;
    "userId": string;
    "username": string;
};
export type UserPresence = {
    "userId": string;
    "username": string;
    "timestamp": string;
};
export type VideoError = {
    "code": VideoFailure;
    "message": string;
};
export type VideoFailure = "unsupported_format" | "unreadable" | "no_picture" | "too_long" | "too_large" | "processing_failed";
export type VideoHealth = {
    "codec": string;
    "width": number | null;
    "height": number | null;
    "frameRate": number;
    "bitrate": number;
    "keyframeDistance": number | null;
};
export type VideoProgress = {
    "videoId": string;
    "status": VideoStatus;
    "progress": number;
    "duration": number | null;
    "videoUrl": string | null;
    "thumbnailUrl": string | null;
    "error": VideoError | null;
};
export type VideoStatus = "uploading" | "waiting" | "processing" | "ready" | "failed";
export type ViewerCount = {
    "streamId": string;
    "viewerCount": number;
};
export type ViewerJoined = {
    "streamId": string;
    "viewerCount": number;
    "userId": string;
    "username": string;
};
export type ViewerLeft = {
    "streamId": string;
    "viewerCount": number;
    "userId": string;
};
/** What a client sends: the data of each command, and of its acknowledgement. */
export interface Commands {
    /** Open a conversation: its messages are marked as read, and `conversation:joined` has the missed ones. */
    "conversation:join": {
        data: JoinCommand;
        ack: ConversationLastSeq;
    };
    /** Close a conversation; your typing indicator ends. You still get `message:new` for it. */
    "conversation:leave": {
        data: ConversationCommand;
        ack: NoData;
    };
    /** Send a text, or the URL of your own upload. The message is committed before it is acknowledged. */
    "message:send": {
        data: SendCommand;
        ack: MessageNew;
    };
    /** Replace a text that you sent, while it is new; both people get `message:edited`. */
    "message:edit": {
        data: EditCommand;
        ack: MessageNew;
    };
    /** Delete a text or picture that you sent, while it is new; both people get `message:deleted`. */
    "message:delete": {
        data: MessageCommand;
        ack: MessageDeleted;
    };
    /** Mark messages as read, up to `up_to_seq` or to the end; both people get `messages:read`. */
    "message:read": {
        data: ReadCommand;
        ack: ConversationRead;
    };
    /** Show that you are typing. The indicator lasts 5 seconds, so repeat the command while the user types. */
    "typing:start": {
        data: ConversationCommand;
        ack: NoData;
    };
    /** Show that you stopped typing. */
    "typing:stop": {
        data: ConversationCommand;
        ack: NoData;
    };
    /** Make an offer to a product's seller. It replaces your earlier pending offer on the product. */
    "offer:create": {
        data: OfferInput;
        ack: OfferState;
    };
    /** Answer an offer made to you with another price. The acknowledgement is the new offer. */
    "offer:counter": {
        data: CounterInput;
        ack: OfferState;
    };
    /** Accept an offer made to you: a transaction is created and every other offer is declined. */
    "offer:accept": {
        data: OfferIdInput;
        ack: OfferState;
    };
    /** Decline an offer made to you. */
    "offer:decline": {
        data: OfferIdInput;
        ack: OfferState;
    };
    /** Withdraw your own offer. */
    "offer:withdraw": {
        data: OfferIdInput;
        ack: OfferState;
    };
    /** Watch a product: receive the prices offered for it (`offer:feed`) and its sale (`product:sold`). */
    "product:join": {
        data: ProductIdInput;
        ack: ProductId;
    };
    /** Stop watching a product. */
    "product:leave": {
        data: ProductIdInput;
        ack: ProductId;
    };
    /** Join a live stream. To catch up after a lost connection, send your last `seq` as `after_seq`. */
    "stream:join": {
        data: JoinInput;
        ack: StreamJoined;
    };
    /** Leave a stream. */
    "stream:leave": {
        data: StreamIdInput;
        ack: NoData;
    };
    /** Write in a stream's chat, at most 10 messages a minute. Messages are saved before the acknowledgement. */
    "stream:chat": {
        data: ChatInput;
        ack: ChatMessage;
    };
    /** Send one of the allowed emoji. `total` counts how often it was sent in this stream. */
    "stream:reaction": {
        data: ReactionInput;
        ack: ReactionTotal;
    };
    /** Say that the app is on the screen: new messages cause no push on any of your devices. */
    "app:foreground": {
        data: NoData;
        ack: NoData;
    };
    /** Say that the app is no longer on the screen. Leave conversations too, if they are no longer shown. */
    "app:background": {
        data: NoData;
        ack: NoData;
    };
}
/** What the server sends: the data of each event. */
export interface Events {
    /** Your inbox has a new notification. It may replace an unread one, which then has the same id. */
    "notification:new": NotificationNew;
    /** Notifications were read or deleted on one of your devices, or what they are about was seen. `notificationIds` is null where all were; `unreadCount` is the number on the app's badge then. */
    "notification:read": NotificationRead;
    /** The connection is open. This is its first event. */
    "connected": Connected;
    /** A command without an acknowledgement was refused, or the connection is about to be closed. `code`, `message` and `details` are those of REST; `event` names the command, if there was one. */
    "error": SocketError;
    /** Events of this room may have been lost while the server had no connection to Redis. Join the room again with `after_seq`, or read REST. */
    "resync": Resync;
    /** The server stops, and closes the connection next (WebSocket: code 1012). Connect again after `reconnectAfterMs`, which differs for each connection, so that not all of them come back at once. */
    "server:shutdown": ServerShutdown;
    /** A contact has come online. Your contacts are the people you share a conversation with. */
    "user:online": UserPresence;
    /** A contact's last connection was closed. */
    "user:offline": UserPresence;
    /** You may no longer see this product and were removed from its room. `reason` is the error code that you would get for joining again: product_not_found. */
    "product:left": ProductLeft;
    /** Somebody is buying a product that you watch, or that is shown in a live stream you watch. The buyer is not named. `product:sold` or `product:available` follows. */
    "product:reserved": ProductAvailability;
    /** A product is on sale again: it was not paid in time, or its sale was cancelled. */
    "product:available": ProductAvailability;
    /** A video that you uploaded is processed further, at most every two seconds, or its `status` has changed. Once it is `ready`, use `videoUrl` for a product. */
    "video:progress": VideoProgress;
    /** A message was sent in one of your conversations; the sender's connections get it too. `userId` and `username` are null for messages of the platform. */
    "message:new": MessageNew;
    /** The sender replaced the text of a message. Of two versions of a message, the one with the later `editedAt` is the newer. After an interruption, `GET …/messages?changed_after=…` has those that were edited or deleted meanwhile. */
    "message:edited": MessageNew;
    /** The sender deleted a message: its content is removed, and its `seq` is not used again. The other person has one unread message less if it was unread. */
    "message:deleted": MessageDeleted;
    /** Staff hid a message: its content is removed, and its `seq` is not used again. */
    "message:hidden": MessageHidden;
    /** `userId` has read everything up to and including `upToSeq`; their other devices get it too. */
    "messages:read": MessagesRead;
    /** You have joined. `messages` are those after your `after_seq`. If there are too many, the list is empty and `resync` is true: read them over REST. */
    "conversation:joined": ConversationJoined;
    /** The other person is typing, for `expiresIn` seconds unless the event is repeated. */
    "typing:active": TypingActive;
    /** The other person stopped typing, left, or sent nothing for 5 seconds. */
    "typing:inactive": TypingInactive;
    /** Your offer or counter-offer was created. */
    "offer:created": OfferEvent;
    /** You received an offer or a counter-offer. */
    "offer:new": OfferEvent;
    /** An offer was accepted: the product is sold. Sent to both sides. */
    "offer:accepted": OfferEvent;
    /** An offer was declined, by the other side or because the product is no longer available; `closeReason` says which. Sent to both sides. */
    "offer:declined": OfferEvent;
    /** An offer was answered with a counter-offer, which follows as `offer:created` and `offer:new`. Sent to both sides. */
    "offer:countered": OfferEvent;
    /** An offer was withdrawn by the user who made it, or replaced by a newer one. Sent to both sides. */
    "offer:withdrawn": OfferEvent;
    /** An offer has expired. Sent to both sides. */
    "offer:expired": OfferEvent;
    /** The sale of an accepted offer was cancelled; the product is on sale again. Sent to both sides. */
    "offer:cancelled": OfferEvent;
    /** A price was offered or accepted for a product that you watch, or that is shown in a live stream you watch. The buyer is not named. */
    "offer:feed": OfferFeed;
    /** A product was sold. The buyer is not named. */
    "product:sold": ProductSold;
    /** An order was made. Sent to both sides. */
    "order:created": OrderEvent;
    /** Something happened to an order; `what` says what, and `state` is its state afterwards. Sent to both sides. */
    "order:updated": OrderEvent;
    /** A message in a stream's chat. Numbers (`seq`) are given without gaps, and a deleted message keeps its number, so some are missing from a history. Join with `after_seq` to get missed messages. */
    "chat:message": ChatMessage;
    /** A message in a stream's chat was deleted: remove it from the screen. */
    "chat:deleted": ChatDeleted;
    /** The host or a moderator changed the chat's rules. */
    "chat:settings": ChatRules;
    /** You were muted in this stream (`muted` is true) or unmuted (`muted` is false). */
    "chat:muted": ChatMuted;
    /** The host made you a moderator of this stream (`isModerator` is true), or no longer one. */
    "chat:moderator": ChatModerator;
    /** A reaction. Above 20 a second in a room, reactions are combined by emoji: `count` is their number, and `userId` the last person who sent one. */
    "reaction:new": Reaction;
    /** A product was tagged in the video, at `x` and `y` from 0 to 1 from the top left corner. */
    "product:tagged": ProductTagged;
    /** A product was removed from the stream. `reason` is removed, sold, hidden or deleted. */
    "product:untagged": ProductUntagged;
    /** A stream went live. Sent to its seller's devices and to people who watch one of its products. */
    "stream:live": StreamLive;
    /** The stream has ended. `reason`: owner, staff, publisher_gone, never_published, account_closed. `vodUrl` is where the replay will be; null in a followers-only stream: ask for the replay. */
    "stream:ended": StreamEnded;
    /** The encoder disconnected. The stream ends unless the encoder reconnects by `reconnectBy`. */
    "stream:interrupted": StreamInterrupted;
    /** The encoder connected or reconnected, and its first segment can be fetched. */
    "stream:resumed": StreamResumed;
    /** What the encoder of your stream sends, every 2 s while it is connected. `warnings` are what viewers would complain about; docs/going-live.md has their codes. Bit rates are bits a second. */
    "stream:health": EncoderHealth;
    /** The replay of a stream can be watched. `vodUrl` is null for a followers-only stream: ask for the replay. */
    "stream:replay_ready": ReplayReady;
    /** You joined a stream. `history` contains the last 100 messages, or those after the `after_seq` that you sent. If `resync` is true, you missed too many messages: read them over REST. `hasPicture` is whether the encoder is connected and its video can be fetched. `reconnectBy` is when the stream ends unless a lost encoder reconnects. */
    "stream:joined": StreamJoined;
    /** You may no longer watch this stream and were removed from its room. `reason` is the error code that you would get for joining again: stream_not_found or followers_only. */
    "stream:left": StreamLeft;
    /** A viewer joined. Not sent while more than 10 viewers join or leave in a second. */
    "viewer:joined": ViewerJoined;
    /** A viewer left. Not sent while more than 10 viewers join or leave in a second. */
    "viewer:left": ViewerLeft;
    /** The number of viewers, after each change and every few seconds. */
    "viewer:count": ViewerCount;
}
