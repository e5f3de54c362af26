"""The contract from its first step to its last: real server, real HTTP, the stock socket.io-client."""
