-- Ends a lease.
local worker = arg()
redis.call('DEL', P .. 'claims:' .. worker)
return redis.call('HDEL', P .. 'leases', worker)
