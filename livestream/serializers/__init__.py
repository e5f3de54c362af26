"""Request shapes (snake_case) and response shapes (camelCase) of streams, as the contract has them."""
