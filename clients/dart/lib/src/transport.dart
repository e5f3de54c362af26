import 'dart:async';
import 'dart:convert';
import 'dart:math';

import 'package:http/http.dart' as http;
import 'package:uuid/uuid.dart';

import 'errors.dart';
import 'tokens.dart';

/// A file of a form.
class UploadedFile {
  const UploadedFile(this.field, this.bytes, this.filename);

  final String field;
  final List<int> bytes;
  final String filename;
}

const String _prefix = '/api/v1';
const Duration _early = Duration(seconds: 30); // an access token is refreshed this long before it expires
const int _longestWait = 10; // seconds; a longer Retry-After is for the person to decide
const Set<String> _withoutLogin = {'/auth/register', '/auth/login', '/auth/refresh', '/auth/reset-password'};

/// Wait about `2 ^ attempt` quarters of a second, at most 8 s, each client a different time.
Future<void> backoff(int attempt, {int atLeast = 0}) {
  final longest = min(250 * pow(2, attempt).toInt(), 8000);
  final time = longest * (0.5 + Random().nextDouble() / 2);
  return Future<void>.delayed(Duration(seconds: atLeast, milliseconds: time.round()));
}

/// Sends requests: with a token that is valid, again where that does no harm, and refusals as exceptions.
class Transport {
  Transport({
    required String baseUrl,
    TokenStore? store,
    String? language,
    this.retries = 4,
    this.timeout = const Duration(seconds: 20),
    this.onSignedOut,
    http.Client? httpClient,
  })  : baseUrl = baseUrl.replaceAll(RegExp(r'/+$'), ''),
        _language = language,
        _store = store ?? MemoryStore(),
        _http = httpClient ?? http.Client();

  final String baseUrl;
  final int retries;
  final Duration timeout;
  final void Function(SoukLoopException reason)? onSignedOut;
  final TokenStore _store;
  final http.Client _http;
  final StreamController<void> _changes = StreamController.broadcast(sync: true);
  String? _language;
  Future<Tokens>? _refreshing;

  /// The language of messages and labels, `ar` or `en`. Without it, that of the account.
  String? get language => _language;

  /// Choose the language of what is asked for from now on; a connected socket connects again with it.
  void setLanguage(String? language) {
    if (language == _language) return;
    _language = language;
    _changes.add(null);
  }

  /// An event each time that a login begins or ends by this object, or the language changes.
  Stream<void> get identityChanges => _changes.stream;

  /// Keep the tokens of an answer to a login; null forgets them.
  Future<void> keep(Tokens? tokens) async {
    await _store.save(tokens);
    _changes.add(null);
  }

  /// The tokens that are stored; what can't be read counts as none.
  Future<Tokens?> tokens() async {
    try {
      return await _store.load();
    } on FormatException {
      return null;
    } on TypeError {
      return null;
    }
  }

  /// Return an access token that is valid for some seconds more, or null for a guest.
  Future<String?> accessToken() async {
    final tokens = await this.tokens();
    if (tokens == null) return null;
    if (tokens.expiresAt.subtract(_early).isAfter(DateTime.now())) return tokens.accessToken;
    return (await refresh()).accessToken;
  }

  /// Exchange the refresh token. Calls at the same time share one exchange.
  Future<Tokens> refresh() => _refreshing ??= _refresh().whenComplete(() => _refreshing = null);

  Future<Tokens> _refresh() async {
    final tokens = await this.tokens();
    if (tokens == null) throw SoukLoopException.own('not_authenticated', language);
    try {
      final answer = await send('POST', '/auth/refresh', body: {'refresh_token': tokens.refreshToken});
      final renewed = Tokens.fromLogin((answer['data'] as Map).cast<String, Object?>());
      await _store.save(renewed);
      return renewed;
    } on SoukLoopException catch (error) {
      if (_isEndOfLogin(error)) await _signOut(error, tokens.accessToken);
      rethrow;
    }
  }

  /// Send a request and return the body of its answer, empty where there is none.
  Future<Map<String, Object?>> send(
    String method,
    String path, {
    Map<String, String?> query = const {},
    Map<String, String> headers = const {},
    Object? body,
    UploadedFile? file,
    List<int>? bytes,
    String? contentType,
    bool takesKey = false,
    String? idempotencyKey,
  }) async {
    final given = {
      for (final entry in query.entries)
        if (entry.value != null) entry.key: entry.value,
    };
    final bare = Uri.parse('$baseUrl$_prefix$path');
    final uri = given.isEmpty ? bare : bare.replace(queryParameters: given);
    final sent = {
      'Accept': 'application/json',
      if (_language != null) 'Accept-Language': _language!,
      if (takesKey) 'Idempotency-Key': idempotencyKey ?? const Uuid().v4(),
      if (body != null) 'Content-Type': 'application/json',
      if (bytes != null && contentType != null) 'Content-Type': contentType,
      ...headers,
    };
    // What is carried out a second time must do nothing more: only then may an unanswered request be repeated.
    final isRepeatable = method != 'POST' || takesKey || path == '/auth/refresh';
    var isFresh = false;
    SoukLoopException? ended;
    // What guests may read is read as a guest once the login has ended.
    void goOnAsGuest(SoukLoopException error) {
      if (method != 'GET' || ended != null || !_isEndOfLogin(error)) throw error;
      ended = error;
      sent.remove('Authorization');
    }

    for (var attempt = 0;; attempt++) {
      String? token;
      if (ended == null && !_withoutLogin.contains(path)) {
        try {
          token = await accessToken();
        } on SoukLoopException catch (failed) {
          goOnAsGuest(failed);
        }
      }
      if (token != null) sent['Authorization'] = 'Bearer $token';
      SoukLoopException error;
      try {
        final request = _request(method, uri, body, file, bytes)..headers.addAll(sent);
        final response = await http.Response.fromStream(await _http.send(request).timeout(timeout)).timeout(timeout);
        if (response.statusCode < 300) return _decode(response);
        error = _refusal(response);
      } on TimeoutException {
        error = SoukLoopException.own('timeout', language);
      } on http.ClientException {
        error = SoukLoopException.own('network_error', language);
      }
      if (error.code == 'token_expired' && token != null && !isFresh) {
        isFresh = true; // once, whatever this device's clock says
        try {
          await refresh();
        } on SoukLoopException catch (failed) {
          goOnAsGuest(failed);
        }
        continue;
      }
      final reason = ended;
      if (reason != null && error.code == 'not_authenticated') throw reason; // guests may not read this
      // Not for a wrong password, which is 401 too.
      final isEnd = error.code.startsWith('token_') || error.code.startsWith('account_');
      if (token != null && error.status == 401 && isEnd) {
        await _signOut(error, token);
        goOnAsGuest(error);
        continue;
      }
      if (attempt > 0 && method == 'DELETE' && error.status == 404) return const {}; // the lost answer said so
      final wasRefused = error.status == 429 || error.code == 'busy'; // nothing was carried out
      final isTooLong = (error.retryAfter ?? 0) > _longestWait;
      final mayRepeat = wasRefused || (isRepeatable && (error.status == 0 || error.status >= 502));
      if (!mayRepeat || isTooLong || attempt >= retries) throw error;
      await backoff(attempt, atLeast: error.retryAfter ?? 0);
    }
  }

  http.BaseRequest _request(String method, Uri uri, Object? body, UploadedFile? file, List<int>? bytes) {
    if (file != null) {
      return http.MultipartRequest(method, uri)
        ..files.add(http.MultipartFile.fromBytes(file.field, file.bytes, filename: file.filename));
    }
    final request = http.Request(method, uri);
    if (body != null) request.bodyBytes = utf8.encode(jsonEncode(body));
    if (bytes != null) request.bodyBytes = bytes;
    return request;
  }

  Map<String, Object?> _decode(http.Response response) {
    if (response.bodyBytes.isEmpty) return const {};
    try {
      return (jsonDecode(utf8.decode(response.bodyBytes)) as Map).cast<String, Object?>();
    } on FormatException {
      throw SoukLoopException.own('unexpected_answer', language, status: response.statusCode);
    }
  }

  SoukLoopException _refusal(http.Response response) {
    Object? body;
    try {
      body = jsonDecode(utf8.decode(response.bodyBytes));
    } on FormatException {
      body = null;
    }
    return SoukLoopException.fromJson(
      body is Map ? body['error'] : null,
      language: language,
      status: response.statusCode,
      retryAfter: int.tryParse(response.headers['retry-after'] ?? ''),
      requestId: response.headers['x-request-id'],
    );
  }

  bool _isEndOfLogin(SoukLoopException error) =>
      error.status == 401 || error.status == 403 || error.code == 'not_authenticated';

  /// Forget a login that has ended, unless another has begun meanwhile.
  Future<void> _signOut(SoukLoopException reason, String accessToken) async {
    if ((await tokens())?.accessToken != accessToken) return;
    await _store.save(null);
    onSignedOut?.call(reason);
  }
}
