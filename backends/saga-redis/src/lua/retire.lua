-- Ends a lease.
local worker = arg()
redis.call('DEL', P .. 'claims:' .. worker, P .. 'knows:' .. worker)
return redis.call('HDEL', P .. 'leases', worker)
