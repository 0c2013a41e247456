"""The API client: what is sent, what an answer means, and the facts it holds."""
