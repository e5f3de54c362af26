import 'dart:async';
import 'dart:math';

import 'package:socket_io_client/socket_io_client.dart' as sio;
import 'package:uuid/uuid.dart';

import 'client.dart';
import 'errors.dart';
import 'generated/events.dart' show eventNames;
import 'generated/models.dart' show Picture;
import 'room.dart';
import 'transport.dart';

/// An event that the server sent.
typedef SocketEvent = ({String name, Map<String, Object?> data});

// A command that is sent again under the same id has its effect once.
const Map<String, String> _clientIds = {
  'message:send': 'client_message_id',
  'stream:chat': 'client_message_id',
  'offer:create': 'client_offer_id',
  'offer:counter': 'client_offer_id',
};
const Set<String> _tryAgain = {'timeout', 'network_error', 'unavailable', 'busy'};

/// One connection for everything: commands with acknowledgements, events, and rooms that catch up.
class SoukLoopSocket {
  SoukLoopSocket(
    this._client, {
    this.timeout = const Duration(seconds: 10),
    this.giveUpAfter = const Duration(minutes: 2),
    this.onEnded,
  }) {
    final language = _client.language;
    final options = sio.OptionBuilder()
        .setTransports(['websocket'])
        .disableAutoConnect()
        .enableForceNew()
        .setAuthFn((send) => unawaited(_authenticate(send)));
    if (language != null) options.setExtraHeaders({'Accept-Language': language});
    _socket = sio.io(_client.baseUrl, options.build());
    for (final name in eventNames) {
      _socket.on(name, (data) => _receive(name, data));
    }
    _socket.on('connect_error', (error) => unawaited(_refused(error)));
    _socket.on('disconnect', (reason) => _disconnected(reason));
  }

  final SoukLoop _client;
  final Duration timeout;

  /// How long [sendMessage] and the like try again.
  final Duration giveUpAfter;

  /// Called when the server has ended the login or refuses this connection for good.
  final void Function(SoukLoopException reason)? onEnded;

  late final sio.Socket _socket;
  final Set<Room> _rooms = {};
  final StreamController<SocketEvent> _events = StreamController.broadcast();
  Completer<Map<String, Object?>>? _opening;
  SoukLoopException? _ended;
  Timer? _reopening;
  int _refusals = 0;

  bool get isConnected => _socket.connected;

  /// Every event, as it arrives.
  Stream<SocketEvent> get events => _events.stream;

  /// The data of each event with this name.
  Stream<Map<String, Object?>> on(String name) =>
      events.where((event) => event.name == name).map((event) => event.data);

  /// Connect, and stay connected until [close]. Completes with the event `connected`.
  Future<Map<String, Object?>> connect() {
    _ended = null;
    final opening = _opening = Completer();
    _socket.connect();
    return opening.future;
  }

  void close() {
    _reopening?.cancel();
    _rooms.clear();
    _socket.dispose();
    unawaited(_events.close());
  }

  /// Send a command once and return the data of its acknowledgement; a refusal is thrown.
  Future<Map<String, Object?>> command(String name, [Map<String, Object?> data = const {}]) async {
    final ended = _ended;
    if (ended != null) throw ended;
    final acknowledged = Completer<Object?>();
    _socket.emitWithAck(name, data, ack: (Object? answer) {
      if (!acknowledged.isCompleted) acknowledged.complete(answer);
    });
    final Object? answer;
    try {
      answer = await acknowledged.future.timeout(timeout);
    } on TimeoutException {
      throw const SoukLoopException('timeout', 'The server did not acknowledge this in time.');
    }
    if (answer is! Map || answer['success'] != true) {
      throw SoukLoopException.fromJson(answer is Map ? answer['error'] : null);
    }
    return ((answer['data'] as Map?) ?? const {}).cast<String, Object?>();
  }

  /// Send a command until it is acknowledged, across lost connections; the server carries it out once.
  Future<Map<String, Object?>> commandOnce(String name, Map<String, Object?> data) async {
    final idField = _clientIds[name];
    if (idField == null) return command(name, data);
    final identified = {idField: const Uuid().v4(), ...data};
    final deadline = DateTime.now().add(giveUpAfter);
    for (var attempt = 0;; attempt++) {
      try {
        return await command(name, identified);
      } on SoukLoopException catch (error) {
        if (!_tryAgain.contains(error.code) || DateTime.now().isAfter(deadline)) rethrow;
      }
      await backoff(attempt);
    }
  }

  Future<Map<String, Object?>> sendMessage(String conversationId, String content, {String messageType = 'text'}) =>
      commandOnce('message:send', {
        'conversation_id': conversationId,
        'content': content,
        'message_type': messageType,
      });

  Future<Map<String, Object?>> sendChat(String streamId, String message) =>
      commandOnce('stream:chat', {'stream_id': streamId, 'message': message});

  Future<Map<String, Object?>> makeOffer(String productId, double price, {String? message}) =>
      commandOnce('offer:create', {
        'product_id': productId,
        'offered_price': price,
        if (message != null) 'message': message,
      });

  /// Open a conversation; [afterSeq] is the last number up to which this device has every message.
  Future<Room> joinConversation(
    String id, {
    required void Function(Map<String, Object?> message) onMessage,
    void Function(String code)? onLeft,
    int? afterSeq,
  }) {
    final kind = RoomKind(
      idKey: 'conversationId',
      join: (seq) => command('conversation:join', {'conversation_id': id, if (seq != null) 'after_seq': seq}),
      leave: () => command('conversation:leave', {'conversation_id': id}),
      joinedEvent: 'conversation:joined',
      messageEvent: 'message:new',
      messagesKey: 'messages',
      read: (seq) async {
        final page = await _client.api.listMessages(id, afterSeq: seq, limit: 100);
        final messages = [
          for (final message in page.items)
            {
              'messageId': message.id,
              'conversationId': id,
              'seq': message.seq,
              'userId': message.senderId,
              'username': null, // the conversation's `other_user` has it
              'content': message.content,
              'messageType': message.messageType.wire,
              'data': message.data,
              'clientMessageId': message.clientMessageId,
              'image': _picture(message.image),
              'editedAt': message.editedAt?.toIso8601String(),
              'deletedAt': message.deletedAt?.toIso8601String(),
              'timestamp': message.createdAt.toIso8601String(),
            },
        ];
        return (messages: messages, hasMore: page.hasMore);
      },
    );
    return _join(Room(id, kind, onMessage: onMessage, onLeft: onLeft, afterSeq: afterSeq));
  }

  /// Return a picture of the REST API as events have it.
  Map<String, Object?>? _picture(Picture? picture) => picture == null
      ? null
      : {
          ...picture.toJson(),
          'sizes': [
            for (final size in picture.sizes)
              {'width': size.width, 'webpUrl': size.webpUrl, 'jpegUrl': size.jpegUrl},
          ],
        };

  /// Watch a stream's room; without [afterSeq], its last hundred lines of chat come first.
  Future<Room> joinStream(
    String id, {
    required void Function(Map<String, Object?> line) onMessage,
    void Function(String code)? onLeft,
    int? afterSeq,
  }) {
    final kind = RoomKind(
      idKey: 'streamId',
      join: (seq) => command('stream:join', {'stream_id': id, if (seq != null) 'after_seq': seq}),
      leave: () => command('stream:leave', {'stream_id': id}),
      joinedEvent: 'stream:joined',
      leftEvent: 'stream:left',
      messageEvent: 'chat:message',
      messagesKey: 'history',
      read: (seq) async {
        final page = await _client.api.listStreamChat(id, afterSeq: seq, limit: 100);
        return (messages: [for (final line in page.items) line.toJson()], hasMore: page.hasMore);
      },
    );
    return _join(Room(id, kind, onMessage: onMessage, onLeft: onLeft, afterSeq: afterSeq));
  }

  /// Watch a product: `offer:feed` and `product:sold` arrive.
  Future<Room> joinProduct(String id, {void Function(String code)? onLeft}) {
    final kind = RoomKind(
      idKey: 'productId',
      join: (_) => command('product:join', {'product_id': id}),
      leave: () => command('product:leave', {'product_id': id}),
      leftEvent: 'product:left',
    );
    return _join(Room(id, kind, onMessage: (_) {}, onLeft: onLeft));
  }

  Future<Room> _join(Room room) async {
    _rooms.add(room);
    room.onGone = () => _rooms.remove(room);
    try {
      await room.join();
    } on SoukLoopException catch (error) {
      // What was lost on the way is joined again with the next connection; what was refused is not.
      if (!_tryAgain.contains(error.code)) {
        _rooms.remove(room);
        rethrow;
      }
    }
    return room;
  }

  Future<void> _authenticate(void Function(Map<String, Object?>) send) async {
    try {
      final token = await _client.accessToken();
      send(token == null ? {} : {'token': token}); // without a token it is a guest's connection
    } on SoukLoopException {
      send({'token': 'expired'});
    }
  }

  void _receive(String name, Object? raw) {
    // The library has an event `error` of its own, for a refused handshake.
    if (name == 'error' && !_socket.connected) {
      unawaited(_refused(raw));
      return;
    }
    final data = raw is Map ? raw.cast<String, Object?>() : <String, Object?>{};
    for (final room in _rooms.toList()) {
      room.receive(name, data);
    }
    switch (name) {
      case 'connected':
        _refusals = 0;
        _opening?.complete(data);
        _opening = null;
        _rejoin();
      case 'resync':
        _rejoin();
      case 'error':
        if (data['code'] == 'session_ended' || data['code'] == 'too_many_connections') {
          _end(SoukLoopException.fromJson(data));
        }
      case 'server:shutdown':
        _socket.disconnect();
        _reopen(Duration(milliseconds: (data['reconnectAfterMs'] as num?)?.toInt() ?? 1000));
    }
    if (!_events.isClosed) _events.add((name: name, data: data));
  }

  void _rejoin() {
    for (final room in _rooms.toList()) {
      if (room.wasJoined) unawaited(room.rejoin());
    }
  }

  void _end(SoukLoopException error) {
    _ended = error;
    _opening?.completeError(error);
    _opening = null;
    _socket.disconnect();
    onEnded?.call(error);
  }

  /// The server refused the handshake: then the library doesn't try again by itself.
  Future<void> _refused(Object? raw) async {
    if (raw is! Map || raw['data'] is! Map) return; // it was the network
    final error = SoukLoopException.fromJson({...(raw['data'] as Map), 'message': raw['message']});
    if ((error.code == 'token_expired' || error.code == 'token_invalid') && _refusals < 3) {
      try {
        await _client.refresh();
      } on SoukLoopException catch (failed) {
        if (!failed.isTemporary) return _end(failed);
      }
    } else if (!error.isTemporary) {
      return _end(error);
    }
    _refusals++;
    _reopen(Duration(milliseconds: min(500 * pow(2, _refusals).toInt(), 10000)));
  }

  void _disconnected(Object? reason) {
    if (reason == 'io server disconnect' && _ended == null) {
      _reopen(Duration(milliseconds: 2000 + Random().nextInt(3000)));
    }
  }

  void _reopen(Duration wait) {
    _reopening?.cancel();
    _reopening = Timer(wait, _socket.connect);
  }
}
