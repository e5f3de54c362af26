import 'dart:async';
import 'dart:math';

import 'package:socket_io_client/socket_io_client.dart' as sio;
import 'package:uuid/uuid.dart';

import 'client.dart';
import 'commands.dart';
import 'errors.dart';
import 'generated/events.dart' show eventNames;
import 'room.dart';
import 'rooms.dart';
import 'transport.dart';

/// An event that the server sent.
typedef SocketEvent = ({String name, Map<String, Object?> data});

/// One connection for everything: commands with acknowledgements, events, and rooms that catch up.
class SoukLoopSocket {
  SoukLoopSocket(
    this._client, {
    this.timeout = const Duration(seconds: 10),
    this.giveUpAfter = const Duration(minutes: 2),
    this.onEnded,
  }) {
    final options = sio.OptionBuilder()
        .setTransports(['websocket'])
        .disableAutoConnect()
        .enableForceNew()
        .setAuthFn((send) => unawaited(_authenticate(send)));
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
  Map<String, Object?>? _connected;
  StreamSubscription<void>? _identityChanges;
  int _connection = 0; // counts connections that were asked for: a token of an earlier one isn't sent
  bool _isClosed = false;
  SoukLoopException? _ended;
  Timer? _reopening;
  int _refusals = 0;

  bool get isConnected => _socket.connected;

  /// Every event, as it arrives.
  Stream<SocketEvent> get events => _events.stream;

  /// The data of each event with this name.
  Stream<Map<String, Object?>> on(String name) =>
      events.where((event) => event.name == name).map((event) => event.data);

  /// The server's time when this connection began.
  DateTime? get serverTime => DateTime.tryParse(_connected?['serverTime'] as String? ?? '');

  /// Connect, and stay connected until [close]. Completes with the event `connected`, at once if the connection is
  /// open; a guest's connection is opened again if somebody has logged in. From now on `login`, `register`, `logout`
  /// and `setLanguage` of the client open it again by themselves. The rooms are kept and joined again.
  Future<Map<String, Object?>> connect() async {
    if (_isClosed) throw SoukLoopException.own('network_error', _client.language);
    _ended = null;
    _identityChanges ??= _client.identityChanges.listen((_) => unawaited(_openAgain()));
    final before = _connected;
    if (before == null) return _open();
    final isGuest = await _client.tokens() == null;
    if (!identical(before, _connected)) return _whenConnected();
    return isGuest == (before['guest'] == true) ? before : _openAgain();
  }

  /// Disconnect for good, and forget the rooms: make another socket to connect again.
  void close() {
    _isClosed = true;
    _rooms.clear();
    _stop(SoukLoopException.own('network_error', _client.language));
    _socket.dispose();
    unawaited(_events.close());
  }

  /// Return the event `connected` of this connection, or of the one that is being opened.
  Future<Map<String, Object?>> _whenConnected() {
    final connected = _connected;
    if (connected != null) return Future.value(connected);
    var opening = _opening;
    if (opening == null) {
      opening = _opening = Completer();
      opening.future.ignore(); // `onEnded` is told, also when nobody waits
    }
    return opening.future;
  }

  Future<Map<String, Object?>> _open() {
    _socket.connect();
    return _whenConnected();
  }

  Future<Map<String, Object?>> _openAgain() {
    _reopening?.cancel();
    _connection++;
    _refusals = 0;
    _connected = null;
    _socket.disconnect();
    return _open();
  }

  /// Stay disconnected until somebody connects.
  void _stop(SoukLoopException reason) {
    _reopening?.cancel();
    _connection++;
    unawaited(_identityChanges?.cancel());
    _identityChanges = null;
    _connected = null;
    _opening?.completeError(reason);
    _opening = null;
    _socket.disconnect();
  }

  /// Wait for the connection as long as one command may take; connect if nobody has.
  Future<void> _ready() async {
    final ended = _ended;
    if (ended != null) throw ended;
    if (_connected != null) return;
    final opening = _identityChanges == null ? connect() : _whenConnected();
    try {
      await opening.timeout(timeout);
    } on TimeoutException {
      throw SoukLoopException.own('network_error', _client.language);
    }
  }

  /// Send a command once and return the data of its acknowledgement; a refusal is thrown. Connects if nobody has.
  Future<Map<String, Object?>> command(String name, [Map<String, Object?> data = const {}]) async {
    await _ready();
    final acknowledged = Completer<Object?>();
    _socket.emitWithAck(name, data, ack: (Object? answer) {
      if (!acknowledged.isCompleted) acknowledged.complete(answer);
    });
    final Object? answer;
    try {
      answer = await acknowledged.future.timeout(timeout);
    } on TimeoutException {
      throw SoukLoopException.own('timeout', _client.language);
    }
    if (answer is! Map || answer['success'] != true) {
      throw SoukLoopException.fromJson(answer is Map ? answer['error'] : null, language: _client.language);
    }
    return ((answer['data'] as Map?) ?? const {}).cast<String, Object?>();
  }

  /// Leave a room, which means nothing without a connection.
  Future<void> _leave(String name, Map<String, Object?> data) async {
    if (_connected != null) await command(name, data);
  }

  /// Send a command until it is acknowledged, across lost connections; the server carries it out once.
  Future<Map<String, Object?>> commandOnce(String name, Map<String, Object?> data) async {
    final idField = clientIds[name];
    if (idField == null) return command(name, data);
    final identified = {idField: const Uuid().v4(), ...data};
    final deadline = DateTime.now().add(giveUpAfter);
    for (var attempt = 0;; attempt++) {
      try {
        return await command(name, identified);
      } on SoukLoopException catch (error) {
        if (!tryAgain.contains(error.code) || DateTime.now().isAfter(deadline)) rethrow;
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

  /// Open a conversation. Without [afterSeq] its newest messages come first, at most a hundred; else those after it:
  /// the last number up to which this device has every message (`upToSeq`). [onChanged] gets what was edited, deleted
  /// or hidden (`messageId`, `seq`, `content`, which is null unless it was edited, and `editedAt`), perhaps twice;
  /// with [changedAfter] (`changesUpTo`) also what happened since then.
  Future<Room> joinConversation(
    String id, {
    required void Function(Map<String, Object?> message) onMessage,
    void Function(Map<String, Object?> change)? onChanged,
    void Function(String code)? onLeft,
    int? afterSeq,
    DateTime? changedAfter,
  }) {
    final kind = conversationKind(_client.api, command, _leave, id, onChanged);
    return _join(
      Room(
        id,
        kind,
        onMessage: onMessage,
        onLeft: onLeft,
        afterSeq: afterSeq,
        changedAfter: changedAfter,
        serverTime: () => serverTime,
      ),
    );
  }

  /// Watch a stream's room; without [afterSeq], its last hundred lines of chat come first.
  Future<Room> joinStream(
    String id, {
    required void Function(Map<String, Object?> line) onMessage,
    void Function(String code)? onLeft,
    int? afterSeq,
  }) {
    final kind = streamKind(_client.api, command, _leave, id);
    return _join(Room(id, kind, onMessage: onMessage, onLeft: onLeft, afterSeq: afterSeq));
  }

  /// Watch a product: `offer:feed` and `product:sold` arrive.
  Future<Room> joinProduct(String id, {void Function(String code)? onLeft}) {
    final kind = productKind(command, _leave, id);
    return _join(Room(id, kind, onMessage: (_) {}, onLeft: onLeft));
  }

  Future<Room> _join(Room room) async {
    _rooms.add(room);
    room.onGone = () => _rooms.remove(room);
    try {
      await _ready();
      await room.join();
    } on SoukLoopException catch (error) {
      // What was lost on the way is joined again with the next connection; what was refused is not.
      if (!tryAgain.contains(error.code)) {
        _rooms.remove(room);
        rethrow;
      }
      room.wasJoined = true;
    }
    return room;
  }

  Future<void> _authenticate(void Function(Map<String, Object?>) send) async {
    final connection = _connection;
    String? token; // without one it is a guest's connection
    try {
      token = await _client.accessToken();
    } on SoukLoopException {
      token = 'expired';
    }
    if (connection != _connection) return;
    final language = _client.language;
    send({if (token != null) 'token': token, if (language != null) 'language': language});
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
        _connected = data;
        _opening?.complete(data);
        _opening = null;
        _rejoin();
      case 'resync':
        _rejoin();
      case 'error':
        if (data['code'] == 'session_ended' || data['code'] == 'too_many_connections') {
          _end(SoukLoopException.fromJson(data, language: _client.language));
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
    _stop(error);
    onEnded?.call(error);
  }

  /// The server refused the handshake: then the library doesn't try again by itself.
  Future<void> _refused(Object? raw) async {
    if (raw is! Map || raw['data'] is! Map) return; // it was the network
    final refusal = {...(raw['data'] as Map), 'message': raw['message']};
    final error = SoukLoopException.fromJson(refusal, language: _client.language);
    final connection = _connection;
    if ((error.code == 'token_expired' || error.code == 'token_invalid') && _refusals < 3) {
      try {
        await _client.refresh();
      } on SoukLoopException catch (failed) {
        if (!failed.isTemporary && connection == _connection) return _end(failed);
      }
    } else if (!error.isTemporary) {
      return _end(error);
    }
    if (connection != _connection) return; // closed, or opened again, meanwhile
    _refusals++;
    _reopen(Duration(milliseconds: min(500 * pow(2, _refusals).toInt(), 10000)));
  }

  void _disconnected(Object? reason) {
    _connected = null;
    if (reason == 'io server disconnect' && _ended == null) {
      _reopen(Duration(milliseconds: 2000 + Random().nextInt(3000)));
    }
  }

  void _reopen(Duration wait) {
    _reopening?.cancel();
    _reopening = Timer(wait, _socket.connect);
  }
}
