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
    this.language,
    this.retries = 4,
    this.timeout = const Duration(seconds: 20),
    this.onSignedOut,
    http.Client? httpClient,
  })  : baseUrl = baseUrl.replaceAll(RegExp(r'/+$'), ''),
        _store = store ?? MemoryStore(),
        _http = httpClient ?? http.Client();

  final String baseUrl;
  final String? language;
  final int retries;
  final Duration timeout;
  final void Function(SoukLoopException reason)? onSignedOut;
  final TokenStore _store;
  final http.Client _http;
  Future<Tokens>? _refreshing;

  /// Keep the tokens of an answer to a login; null forgets them.
  Future<void> keep(Tokens? tokens) => _store.save(tokens);

  Future<Tokens?> tokens() => _store.load();

  /// Return an access token that is valid for some seconds more, or null for a guest.
  Future<String?> accessToken() async {
    final tokens = await _store.load();
    if (tokens == null) return null;
    if (tokens.expiresAt.subtract(_early).isAfter(DateTime.now())) return tokens.accessToken;
    return (await refresh()).accessToken;
  }

  /// Exchange the refresh token. Calls at the same time share one exchange.
  Future<Tokens> refresh() => _refreshing ??= _refresh().whenComplete(() => _refreshing = null);

  Future<Tokens> _refresh() async {
    final tokens = await _store.load();
    if (tokens == null) throw const SoukLoopException('not_authenticated', 'Log in first.');
    try {
      final answer = await send('POST', '/auth/refresh', body: {'refresh_token': tokens.refreshToken});
      final renewed = Tokens.fromLogin((answer['data'] as Map).cast<String, Object?>());
      await _store.save(renewed);
      return renewed;
    } on SoukLoopException catch (error) {
      if (error.status == 401 || error.status == 403) await _signOut(error);
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
      if (language != null) 'Accept-Language': language!,
      if (takesKey) 'Idempotency-Key': idempotencyKey ?? const Uuid().v4(),
      if (body != null) 'Content-Type': 'application/json',
      if (bytes != null && contentType != null) 'Content-Type': contentType,
      ...headers,
    };
    // What is carried out a second time must do nothing more: only then may an unanswered request be repeated.
    final isRepeatable = method != 'POST' || takesKey || path == '/auth/refresh';
    var isFresh = false;
    for (var attempt = 0;; attempt++) {
      final token = _withoutLogin.contains(path) ? null : await accessToken();
      if (token != null) sent['Authorization'] = 'Bearer $token';
      SoukLoopException error;
      try {
        final request = _request(method, uri, body, file, bytes)..headers.addAll(sent);
        final response = await http.Response.fromStream(await _http.send(request).timeout(timeout)).timeout(timeout);
        if (response.statusCode < 300) return _decode(response);
        error = _refusal(response);
      } on TimeoutException {
        error = const SoukLoopException('timeout', 'The server did not answer in time.');
      } on http.ClientException {
        error = const SoukLoopException('network_error', "The server can't be reached.");
      }
      if (error.code == 'token_expired' && token != null && !isFresh) {
        isFresh = true; // once, whatever this device's clock says
        await refresh();
        continue;
      }
      // Not for a wrong password, which is 401 too.
      final isEnd = error.code.startsWith('token_') || error.code.startsWith('account_');
      if (token != null && error.status == 401 && isEnd) await _signOut(error);
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
      throw SoukLoopException.fromJson(null, status: response.statusCode);
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
      status: response.statusCode,
      retryAfter: int.tryParse(response.headers['retry-after'] ?? ''),
      requestId: response.headers['x-request-id'],
    );
  }

  Future<void> _signOut(SoukLoopException reason) async {
    await _store.save(null);
    onSignedOut?.call(reason);
  }
}
