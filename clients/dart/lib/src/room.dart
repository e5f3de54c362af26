import 'dart:async';

import 'errors.dart';

typedef Json = Map<String, Object?>;

/// A page of what was missed.
typedef MissedPage = ({List<Json> messages, bool hasMore});

/// How one kind of room is joined, and what belongs to it.
class RoomKind {
  const RoomKind({
    required this.idKey,
    required this.join,
    required this.leave,
    this.joinedEvent,
    this.leftEvent,
    this.messageEvent,
    this.messagesKey,
    this.read,
    this.readsNewest = false,
    this.readChanges,
    this.onOther,
  });

  final String idKey;
  final Future<void> Function(int? afterSeq) join;
  final Future<void> Function() leave;
  final String? joinedEvent;
  final String? leftEvent;
  final String? messageEvent;
  final String? messagesKey;

  /// Read what came after a number over REST, where too much was missed for one event; without it, the newest page.
  final Future<MissedPage> Function(int? afterSeq)? read;

  /// Whether a room that is joined without a number begins with the newest page; others bring it with `joined`.
  final bool readsNewest;

  /// Hand over what was changed since a time of the server's clock.
  final Future<void> Function(DateTime since)? readChanges;
  final void Function(String event, Json data)? onOther;
}

/// A room that this connection is in, or will be in again once it is connected.
class Room {
  Room(this.id, this._kind, {
    required this.onMessage,
    this.onLeft,
    int? afterSeq,
    DateTime? changedAfter,
    DateTime? Function()? serverTime,
  })  : _upTo = afterSeq,
        _changesUpTo = changedAfter,
        _serverTime = serverTime;

  final String id;
  final RoomKind _kind;

  /// Each message once, in no certain order: show them sorted by `seq`.
  final void Function(Json message) onMessage;

  /// You may no longer be in this room; the code says why.
  final void Function(String code)? onLeft;

  void Function() onGone = () {};
  bool wasJoined = false;
  final Set<int> _ahead = {};
  final DateTime? Function()? _serverTime;
  int? _upTo;
  DateTime? _changesUpTo;
  Timer? _gap;

  /// Every message up to this number has been handed over; store it, and give it when you join the next time.
  int? get upToSeq => _upTo;

  Future<void> join() async {
    wasJoined = true;
    final read = _kind.read;
    if (_upTo == null && _kind.readsNewest && read != null) {
      final page = await read(null);
      page.messages.forEach(_take);
      _reach(page.messages.isEmpty ? 0 : _seq(page.messages.last));
    }
    await _kind.join(_upTo);
    await _readChanges();
  }

  /// Changes up to this time of the server's clock have been handed over; store it with [upToSeq].
  DateTime? get changesUpTo => _changesUpTo;

  Future<void> _readChanges() async {
    final readChanges = _kind.readChanges;
    final now = _serverTime?.call();
    if (readChanges == null || now == null) return;
    final since = _changesUpTo;
    try {
      if (since != null) await readChanges(since);
      _changesUpTo = now;
    } on SoukLoopException {
      // The time stays where it is, so that the next joining asks from there.
    }
  }

  /// Join again after the connection was lost; messages that were missed are handed over.
  Future<void> rejoin() async {
    try {
      await join();
    } on SoukLoopException catch (error) {
      if (!error.isTemporary) _gone(error.code);
    }
  }

  /// Leave the room for good. Never throws; without a connection there is nothing to wait for.
  Future<void> leave() async {
    _stop();
    try {
      await _kind.leave();
    } on SoukLoopException {
      // The connection that was in the room is gone, or the person is not in it.
    }
  }

  void receive(String event, Json data) {
    if (data[_kind.idKey] != id) return;
    if (event == _kind.messageEvent) {
      _take(data);
    } else if (event == _kind.joinedEvent) {
      unawaited(_catchUp(data));
    } else if (event == _kind.leftEvent) {
      _gone(data['reason'] as String);
    } else {
      _kind.onOther?.call(event, data);
    }
  }

  Future<void> _catchUp(Json joined) async {
    final read = _kind.read;
    if (joined['resync'] == true && _upTo != null && read != null) {
      try {
        var hasMore = true;
        while (hasMore) {
          final page = await read(_upTo!);
          page.messages.forEach(_take);
          hasMore = page.hasMore && page.messages.isNotEmpty;
          if (page.messages.isNotEmpty) _reach(_seq(page.messages.last));
        }
      } on SoukLoopException {
        return; // the number stays where it is, so that the next joining begins there
      }
    } else {
      final messages = joined[_kind.messagesKey];
      if (messages is List) {
        for (final message in messages) {
          _take((message as Map).cast<String, Object?>());
        }
      }
    }
    _reach((joined['lastSeq'] as num?)?.toInt() ?? 0);
  }

  void _take(Json message) {
    final seq = _seq(message);
    if (seq <= (_upTo ?? 0) || !_ahead.add(seq)) return;
    onMessage(message);
    final upTo = _upTo;
    if (upTo != null) _reach(upTo); // before, `joined` will say where to begin
  }

  /// Everything up to a number was handed over; numbers that follow without a gap join it.
  void _reach(int seq) {
    var upTo = seq > (_upTo ?? 0) ? seq : (_upTo ?? 0);
    while (_ahead.contains(upTo + 1)) {
      upTo++;
    }
    _ahead.removeWhere((each) => each <= upTo);
    _upTo = upTo;
    _gap?.cancel();
    _gap = _ahead.isEmpty ? null : Timer(const Duration(seconds: 2), () => unawaited(rejoin()));
  }

  int _seq(Json message) => (message['seq'] as num?)?.toInt() ?? 0;

  void _gone(String code) {
    _stop();
    onLeft?.call(code);
  }

  void _stop() {
    _gap?.cancel();
    onGone();
  }
}
