/// The tokens of one login. [expiresAt] is when the access token expires, by this device's clock.
class Tokens {
  const Tokens({required this.accessToken, required this.refreshToken, required this.expiresAt});

  factory Tokens.fromLogin(Map<String, Object?> login) => Tokens(
        accessToken: login['access_token'] as String,
        refreshToken: login['refresh_token'] as String,
        expiresAt: DateTime.now().add(Duration(seconds: (login['expires_in'] as num).toInt())),
      );

  final String accessToken;
  final String refreshToken;
  final DateTime expiresAt;
}

/// Where tokens are kept. In an app: the platform's secure storage.
abstract interface class TokenStore {
  Future<Tokens?> load();
  Future<void> save(Tokens? tokens);
}

/// Keeps tokens in memory, for as long as the app runs.
class MemoryStore implements TokenStore {
  Tokens? _tokens;

  @override
  Future<Tokens?> load() async => _tokens;

  @override
  Future<void> save(Tokens? tokens) async => _tokens = tokens;
}
