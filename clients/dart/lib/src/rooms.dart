import 'generated/api.dart';
import 'generated/models.dart' show Message, Picture;
import 'room.dart';

/// Sends a command of a room.
typedef SendCommand = Future<void> Function(String name, Json data);

/// Return how a conversation is joined; `onChanged` gets what was edited, deleted or hidden.
RoomKind conversationKind(
  SoukLoopApi api,
  SendCommand send,
  SendCommand leave,
  String id,
  void Function(Json change)? onChanged,
) {
  void tell(Json message) => onChanged?.call({
        for (final key in const ['messageId', 'seq', 'content', 'editedAt']) key: message[key],
      });
  return RoomKind(
    idKey: 'conversationId',
    join: (seq) => send('conversation:join', {'conversation_id': id, if (seq != null) 'after_seq': seq}),
    leave: () => leave('conversation:leave', {'conversation_id': id}),
    joinedEvent: 'conversation:joined',
    messageEvent: 'message:new',
    messagesKey: 'messages',
    readsNewest: true,
    read: (seq) async {
      final page = await api.listMessages(id, afterSeq: seq, limit: 100);
      return (messages: page.items.map(_messageOfRest).toList(), hasMore: page.hasMore);
    },
    readChanges: (since) async {
      // A change may be stored a little after the time that it bears.
      final earlier = since.toUtc().subtract(const Duration(minutes: 1));
      var seq = 0;
      for (var hasMore = true; hasMore;) {
        final page = await api.listMessages(id, afterSeq: seq, changedAfter: earlier, limit: 100);
        page.items.map(_messageOfRest).forEach(tell);
        if (page.items.isNotEmpty) seq = page.items.last.seq;
        hasMore = page.hasMore;
      }
    },
    onOther: (event, data) {
      if (const {'message:edited', 'message:deleted', 'message:hidden'}.contains(event)) tell(data);
    },
  );
}

/// Return how a stream's room is joined.
RoomKind streamKind(SoukLoopApi api, SendCommand send, SendCommand leave, String id) {
  return RoomKind(
    idKey: 'streamId',
    join: (seq) => send('stream:join', {'stream_id': id, if (seq != null) 'after_seq': seq}),
    leave: () => leave('stream:leave', {'stream_id': id}),
    joinedEvent: 'stream:joined',
    leftEvent: 'stream:left',
    messageEvent: 'chat:message',
    messagesKey: 'history',
    read: (seq) async {
      final page = await api.listStreamChat(id, afterSeq: seq, limit: 100);
      return (messages: [for (final line in page.items) line.toJson()], hasMore: page.hasMore);
    },
  );
}

/// Return how a product is watched.
RoomKind productKind(SendCommand send, SendCommand leave, String id) {
  return RoomKind(
    idKey: 'productId',
    join: (_) => send('product:join', {'product_id': id}),
    leave: () => leave('product:leave', {'product_id': id}),
    leftEvent: 'product:left',
  );
}

/// Return a message of the REST API as the event has it.
Json _messageOfRest(Message message) => {
      'messageId': message.id,
      'conversationId': message.conversationId,
      'seq': message.seq,
      'userId': message.senderId,
      'username': null, // the conversation's `other_user` has it
      'content': message.content,
      'messageType': message.messageType.wire,
      'data': message.data,
      'clientMessageId': message.clientMessageId,
      'image': _pictureOfRest(message.image),
      'editedAt': message.editedAt?.toIso8601String(),
      'deletedAt': message.deletedAt?.toIso8601String(),
      'timestamp': message.createdAt.toIso8601String(),
    };

/// Return a picture of the REST API as events have it.
Json? _pictureOfRest(Picture? picture) => picture == null
    ? null
    : {
        ...picture.toJson(),
        'sizes': [
          for (final size in picture.sizes)
            {'width': size.width, 'webpUrl': size.webpUrl, 'jpegUrl': size.jpegUrl},
        ],
      };
