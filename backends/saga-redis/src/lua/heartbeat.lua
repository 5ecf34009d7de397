-- Renews a lease, and keeps what the worker knows; returns the time and the worker's sagas with open requests.
local worker, lease = arg(), tonumber(arg())
local leases = redis.call('HGETALL', P .. 'leases')
for index = 1, #leases, 2 do
    -- One that has run out says the same as none.
    if tonumber(leases[index + 1]) <= server then
        redis.call('HDEL', P .. 'leases', leases[index])
        redis.call('DEL', P .. 'knows:' .. leases[index])
    end
end
redis.call('HSET', P .. 'leases', worker, text(server + lease))
redis.call('DEL', P .. 'knows:' .. worker)
for _ = 1, tonumber(arg()) do redis.call('SADD', P .. 'knows:' .. worker, arg()) end
local asked = {}
for _, id in ipairs(redis.call('SMEMBERS', P .. 'asked:' .. worker)) do
    local head = head_of(id)
    if head and head.owner == worker and has_requests(head) then
        asked[#asked + 1] = id
    else
        redis.call('SREM', P .. 'asked:' .. worker, id)
    end
end
return { text(now), asked }
