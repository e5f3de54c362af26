// What people are told where the server said nothing, in English and Arabic.
const Map<String, List<String>> _messages = {
  'network_error': ["The server can't be reached.", 'تعذّر الوصول إلى الخادم.'],
  'timeout': ['The server did not answer in time.', 'لم يرد الخادم في الوقت المحدد.'],
  'unexpected_answer': ["The server's answer can't be read.", 'تعذّرت قراءة رد الخادم.'],
  'not_authenticated': ['Log in first.', 'سجّل الدخول أولاً.'],
};

/// Whatever is refused or fails, over REST and sockets alike. Branch on [code]; [message] is for people.
class SoukLoopException implements Exception {
  const SoukLoopException(
    this.code,
    this.message, {
    this.details = const {},
    this.status = 0,
    this.retryAfter,
    this.requestId,
  });

  /// Make one of this client's own, in the language that was chosen.
  factory SoukLoopException.own(String code, String? language, {int status = 0}) =>
      SoukLoopException(code, _messages[code]![language == 'ar' ? 1 : 0], status: status);

  /// Make one of the API's `{code, message, details}`, or of whatever came in its place.
  factory SoukLoopException.fromJson(
    Object? error, {
    String? language,
    int status = 0,
    int? retryAfter,
    String? requestId,
  }) {
    final code = error is Map ? error['code'] : null;
    if (error is! Map || code is! String) {
      return SoukLoopException.own('unexpected_answer', language, status: status);
    }
    final details = error['details'] is Map ? (error['details'] as Map).cast<String, Object?>() : <String, Object?>{};
    final seconds = details['retry_after'];
    return SoukLoopException(
      code,
      error['message'] is String ? error['message'] as String : code,
      details: details,
      status: status,
      retryAfter: retryAfter ?? (seconds is num ? seconds.ceil() : null),
      requestId: requestId,
    );
  }

  /// A code of the server (`ErrorCode` lists them), or `network_error`, `timeout`, `unexpected_answer`.
  final String code;
  final String message;

  /// Wrong fields with their messages (`validation_error`), or what else the code's description names.
  final Map<String, Object?> details;

  /// The status over REST; 0 where no answer came, and over sockets.
  final int status;

  /// Seconds after which the same may be tried again.
  final int? retryAfter;

  /// Finds the request in the server's log.
  final String? requestId;

  /// Whether the same request may succeed later without a change.
  bool get isTemporary => const {
        'network_error',
        'timeout',
        'unavailable',
        'busy',
        'rate_limited',
        'request_timeout',
      }.contains(code);

  @override
  String toString() => 'SoukLoopException($code, $message)';
}
