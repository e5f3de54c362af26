/// The field of each command that has its effect once, however often it is sent under the same id.
const Map<String, String> clientIds = {
  'message:send': 'client_message_id',
  'stream:chat': 'client_message_id',
  'offer:create': 'client_offer_id',
  'offer:counter': 'client_offer_id',
};

/// Codes after which a command may be sent again.
const Set<String> tryAgain = {'timeout', 'network_error', 'unavailable', 'busy'};
