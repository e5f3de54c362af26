"""All steps of the contract, with a real server, real HTTP and the standard socket.io-client."""
