/// Souk Loop's REST API and sockets.
library;

export 'src/client.dart';
export 'src/errors.dart';
export 'src/generated/api.dart';
export 'src/generated/models.dart';
export 'src/generated/version.dart';
export 'src/room.dart' show Room;
export 'src/socket.dart';
export 'src/tokens.dart';
