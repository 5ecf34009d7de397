-- The store's time, and the server's.
return { text(now), text(server) }
