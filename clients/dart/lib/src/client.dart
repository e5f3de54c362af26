import 'generated/api.dart';
import 'generated/models.dart';
import 'tokens.dart';
import 'transport.dart';

/// The REST API with the tokens of one login; [api] has every operation.
class SoukLoop extends Transport {
  SoukLoop({
    required super.baseUrl,
    super.store,
    super.language,
    super.retries,
    super.timeout,
    super.onSignedOut,
    super.httpClient,
  });

  late final SoukLoopApi api = SoukLoopApi(this);

  /// Register an account and keep its tokens.
  Future<Login> register(RegisterInput person) async => _keepLogin(await api.register(person));

  /// Log in by username, email or phone number, and keep the tokens.
  Future<Login> login(String identifier, String password) async =>
      _keepLogin(await api.logIn(LoginInput(identifier: identifier, password: password)));

  /// Choose the language of the account, and return it.
  Future<String> useAccountLanguage() async {
    final account = await api.getMyAccount();
    setLanguage(account.language.wire);
    return account.language.wire;
  }

  /// End this login on the server, and forget its tokens even if the server can't be reached.
  Future<void> logout() async {
    final held = await tokens();
    await keep(null); // first, so that an open socket becomes a guest's before the server ends it
    if (held == null) return;
    await send(
      'POST',
      '/auth/logout',
      headers: {'Authorization': 'Bearer ${held.accessToken}'},
      body: LogoutInput(refreshToken: held.refreshToken).toJson(),
    );
  }

  Future<Login> _keepLogin(Login login) async {
    await keep(Tokens.fromLogin(login.toJson()));
    return login;
  }
}
